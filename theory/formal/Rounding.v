(* Fixed point for certificates: integers at scale 2^-k stand for reals. Rounding to fewer bits, norms from above and below, and the
   spectral norm of an integer matrix by completing it to nearly orthogonal columns. *)
From ICL Require Export Readout.
Require Import ZArith List.
Import ListNotations.

Definition dy (k z : Z) : R := IZR z / IZR (2 ^ k).
Lemma two_pos k : (0 <= k)%Z -> 0 < IZR (2 ^ k).
Proof. intros. apply (IZR_lt 0). now apply Z.pow_pos_nonneg. Qed.
Lemma dy_0 k : dy k 0 = 0. Proof. unfold dy, Rdiv. ring. Qed.
Lemma dy_add k a b : dy k (a + b) = dy k a + dy k b. Proof. unfold dy. rewrite plus_IZR. unfold Rdiv. ring. Qed.
Lemma dy_sub k a b : dy k (a - b) = dy k a - dy k b. Proof. unfold dy. rewrite minus_IZR. unfold Rdiv. ring. Qed.
Lemma dy_mul k l a b : (0 <= k)%Z -> (0 <= l)%Z -> dy (k + l) (a * b) = dy k a * dy l b.
Proof.
  intros. unfold dy. rewrite Z.pow_add_r, !mult_IZR by auto. pose proof (two_pos k H). pose proof (two_pos l H0). field. lra.
Qed.
Lemma dy_le k a b : (0 <= k)%Z -> (a <= b)%Z -> dy k a <= dy k b.
Proof. intros. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; now apply two_pos|now apply IZR_le]. Qed.
Lemma dy_abs k a : (0 <= k)%Z -> Rabs (dy k a) = dy k (Z.abs a).
Proof.
  intros. unfold dy, Rdiv. rewrite Rabs_mult, abs_IZR. f_equal. apply Rabs_right, Rle_ge. left. apply Rinv_0_lt_compat. now apply two_pos.
Qed.

(* k bits to l < k bits: to nearest, and upwards *)
Definition near k l := let half := (2 ^ (k - l - 1))%Z in let n := (k - l)%Z in fun z => Z.shiftr (z + half) n.     (* half is computed once *)
Definition round_up k l z := Z.shiftr (z + 2 ^ (k - l) - 1) (k - l).
Definition ulp l := / IZR (2 ^ (l + 1)).                        (* half a unit *)
Lemma ulp_pos l : (0 <= l)%Z -> 0 < ulp l.
Proof. intros. apply Rinv_0_lt_compat, two_pos. lia. Qed.
Lemma near_ok k l z : (0 <= l < k)%Z -> Rabs (dy k z - dy l (near k l z)) <= ulp l.
Proof.
  intros H. unfold near. cbv zeta. rewrite Z.shiftr_div_pow2 by lia. set (m := (k - l)%Z). set (h := (2 ^ (m - 1))%Z).
  assert (Hm : (2 ^ m = 2 * h)%Z) by (unfold h; rewrite <- Z.pow_succ_r by lia; f_equal; lia).
  assert (Hh : (0 < h)%Z) by (apply Z.pow_pos_nonneg; lia). rewrite Hm.
  pose proof (Z.div_mod (z + h) (2 * h) ltac:(lia)) as E. pose proof (Z.mod_pos_bound (z + h) (2 * h) ltac:(lia)) as B.
  set (q := ((z + h) / (2 * h))%Z) in *. set (r := ((z + h) mod (2 * h))%Z) in *.
  assert (Ez : (z - 2 * h * q = r - h)%Z) by lia.
  pose proof (two_pos l ltac:(lia)) as Pl. assert (Ph : 0 < IZR h) by now apply (IZR_lt 0).
  assert (Ek : IZR (2 ^ k) = IZR (2 ^ l) * (2 * IZR h)).
  { rewrite <- (mult_IZR 2), <- Hm, <- mult_IZR, <- Z.pow_add_r by lia. do 2 f_equal. unfold m. lia. }
  unfold dy, ulp. rewrite Ek. replace (2 ^ (l + 1))%Z with (2 * 2 ^ l)%Z by (rewrite Z.add_1_r, Z.pow_succ_r by lia; auto). rewrite mult_IZR.
  replace (IZR z / (IZR (2 ^ l) * (2 * IZR h)) - IZR q / IZR (2 ^ l)) with ((IZR z - 2 * IZR h * IZR q) * / (2 * IZR (2 ^ l)) * / IZR h) by (field; lra).
  replace (IZR z - 2 * IZR h * IZR q) with (IZR (r - h)) by (rewrite <- Ez, minus_IZR, !mult_IZR; reflexivity).
  assert (A : Rabs (IZR (r - h)) <= IZR h) by (rewrite <- abs_IZR; apply IZR_le; lia). apply abs_inv in A.
  assert (I1 : 0 < / (2 * IZR (2 ^ l))) by (apply Rinv_0_lt_compat; lra). assert (I2 : 0 < / IZR h) by now apply Rinv_0_lt_compat.
  rewrite !Rabs_mult, (Rabs_right (/ (2 * IZR (2 ^ l)))), (Rabs_right (/ IZR h)) by lra.
  apply Rle_trans with (IZR h * / (2 * IZR (2 ^ l)) * / IZR h); [|right; field; lra].
  apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_r; [lra|]. apply Rabs_le. lra.
Qed.
Lemma round_up_ok k l z : (0 <= l < k)%Z -> dy k z <= dy l (round_up k l z).
Proof.
  intros H. unfold round_up. rewrite Z.shiftr_div_pow2 by lia. set (m := (2 ^ (k - l))%Z). assert (Hm : (0 < m)%Z) by (apply Z.pow_pos_nonneg; lia).
  pose proof (Z.div_mod (z + m - 1) m ltac:(lia)) as E. pose proof (Z.mod_pos_bound (z + m - 1) m Hm) as B.
  set (q := ((z + m - 1) / m)%Z) in *. assert (L : (z <= m * q)%Z) by lia. apply IZR_le in L. rewrite mult_IZR in L.
  pose proof (two_pos l ltac:(lia)) as Pl. assert (Pm : 0 < IZR m) by now apply (IZR_lt 0).
  assert (Ek : IZR (2 ^ k) = IZR (2 ^ l) * IZR m) by (unfold m; rewrite <- mult_IZR, <- Z.pow_add_r by lia; do 2 f_equal; lia).
  unfold dy. rewrite Ek. apply Rmult_le_reg_r with (IZR (2 ^ l) * IZR m); [nra|].
  replace (IZR z / (IZR (2 ^ l) * IZR m) * (IZR (2 ^ l) * IZR m)) with (IZR z) by (field; lra).
  replace (IZR q / IZR (2 ^ l) * (IZR (2 ^ l) * IZR m)) with (IZR m * IZR q) by (field; lra). auto.
Qed.

(* ------------------------------------------------------------------ vectors *)
Definition at_ (l : list Z) i := nth i l 0%Z.
Definition vl k (l : list Z) : vec := fun i => dy k (at_ l i).
Fixpoint sumZ (l : list Z) : Z := match l with [] => 0%Z | x :: r => (x + sumZ r)%Z end.
Fixpoint sumsqZ (l : list Z) : Z := match l with [] => 0%Z | x :: r => (x * x + sumsqZ r)%Z end.
Fixpoint dotZ (a b : list Z) : Z := match a, b with x :: a', y :: b' => (x * y + dotZ a' b')%Z | _, _ => 0%Z end.
Fixpoint zip (f : Z -> Z -> Z) (a b : list Z) : list Z := match a, b with x :: a', y :: b' => f x y :: zip f a' b' | _, _ => [] end.
Fixpoint maxabs (l : list Z) : Z := match l with [] => 0%Z | x :: r => Z.max (Z.abs x) (maxabs r) end.

Lemma at_map f l i : f 0%Z = 0%Z -> at_ (map f l) i = f (at_ l i).
Proof. intros H. unfold at_. rewrite <- H at 1. apply map_nth. Qed.
Lemma at_map_in f l i : (i < length l)%nat -> at_ (map f l) i = f (at_ l i).
Proof. intros H. unfold at_. rewrite (nth_indep _ 0%Z (f 0%Z)) by (rewrite map_length; auto). apply map_nth. Qed.
Lemma at_zip f a b i : length a = length b -> f 0%Z 0%Z = 0%Z -> at_ (zip f a b) i = f (at_ a i) (at_ b i).
Proof.
  unfold at_. revert b i. induction a; destruct b; intros i H F; try discriminate; [destruct i; auto|].
  destruct i; simpl; auto.
Qed.
Lemma length_zip f a b : length a = length b -> length (zip f a b) = length a.
Proof. revert b. induction a; destruct b; intros H; try discriminate; simpl; auto. Qed.
Lemma sum_IZR l : sum (length l) (fun i => IZR (at_ l i)) = IZR (sumZ l).
Proof. unfold at_. induction l; [reflexivity|]. simpl length. rewrite sum_front. simpl nth. rewrite IHl, <- plus_IZR. reflexivity. Qed.
Lemma sumsq_IZR l : sum (length l) (fun i => IZR (at_ l i) * IZR (at_ l i)) = IZR (sumsqZ l).
Proof. unfold at_. induction l; [reflexivity|]. simpl length. rewrite sum_front. simpl nth. rewrite IHl, <- mult_IZR, <- plus_IZR. reflexivity. Qed.
Lemma dot_IZR a b : length a = length b -> sum (length a) (fun i => IZR (at_ a i) * IZR (at_ b i)) = IZR (dotZ a b).
Proof.
  unfold at_. revert b. induction a; destruct b; intros H; try discriminate; [reflexivity|].
  simpl length. rewrite sum_front. simpl nth. rewrite IHa by auto. rewrite <- mult_IZR, <- plus_IZR. reflexivity.
Qed.
Lemma maxabs_ok k l i : (0 <= k)%Z -> Rabs (vl k l i) <= dy k (maxabs l).
Proof.
  intros Hk. unfold vl. rewrite dy_abs by auto. apply dy_le; auto. unfold at_. revert i.
  induction l; intros i; simpl; destruct i; simpl; try lia. specialize (IHl i). lia.
Qed.
Lemma near_0 k l : (0 <= l < k)%Z -> near k l 0 = 0%Z.
Proof.
  intros. unfold near. cbv zeta. rewrite Z.shiftr_div_pow2 by lia. apply Z.div_small. split; [apply Z.pow_nonneg; lia|].
  apply Z.pow_lt_mono_r; lia.
Qed.
Lemma vl_near k l v i : (0 <= l < k)%Z -> Rabs (vl k v i - vl l (map (near k l) v) i) <= ulp l.
Proof. intros H. unfold vl. rewrite at_map by now apply near_0. now apply near_ok. Qed.

Lemma dot_vl k l a b : (0 <= k)%Z -> (0 <= l)%Z -> length a = length b -> dot (length a) (vl k a) (vl l b) = dy (k + l) (dotZ a b).
Proof.
  intros Hk Hl H. unfold dot, vl. rewrite (sum_ext _ _ (fun i => / IZR (2 ^ (k + l)) * (IZR (at_ a i) * IZR (at_ b i)))).
  - rewrite sum_scal, dot_IZR by auto. unfold dy. field. apply Rgt_not_eq, two_pos. lia.
  - intros i _. rewrite <- dy_mul by auto. unfold dy. rewrite mult_IZR. field. apply Rgt_not_eq, two_pos. lia.
Qed.
Lemma dotZ_self l : dotZ l l = sumsqZ l.
Proof. induction l; simpl; auto. now rewrite IHl. Qed.

(* square roots from above and below *)
Lemma sqrt_up_ok k N : (0 <= k)%Z -> (0 <= N)%Z -> sqrt (IZR N / (IZR (2 ^ k) * IZR (2 ^ k))) <= dy k (Z.sqrt_up N).
Proof.
  intros Hk HN. pose proof (two_pos k Hk) as P2. apply sq_le.
  - unfold dy. apply Rmult_le_pos; [apply (IZR_le 0), Z.sqrt_up_nonneg|left; now apply Rinv_0_lt_compat].
  - assert (I : 0 < / (IZR (2 ^ k) * IZR (2 ^ k))) by (apply Rinv_0_lt_compat; nra).
    rewrite sqrt_sqrt by (apply Rmult_le_pos; [now apply (IZR_le 0)|lra]). unfold dy.
    replace (IZR (Z.sqrt_up N) / IZR (2 ^ k) * (IZR (Z.sqrt_up N) / IZR (2 ^ k)))
      with (IZR (Z.sqrt_up N) * IZR (Z.sqrt_up N) * / (IZR (2 ^ k) * IZR (2 ^ k))) by (field; lra).
    apply Rmult_le_compat_r; [lra|]. rewrite <- mult_IZR. apply IZR_le.
    destruct (Z.eq_dec N 0) as [->|]; [reflexivity|]. pose proof (Z.sqrt_up_spec N ltac:(lia)). lia.
Qed.
Lemma sqrt_ok k N : (0 <= k)%Z -> (0 <= N)%Z -> dy k (Z.sqrt N) <= sqrt (IZR N / (IZR (2 ^ k) * IZR (2 ^ k))).
Proof.
  intros Hk HN. pose proof (two_pos k Hk) as P2. apply sq_le; [apply sqrt_pos|].
  assert (I : 0 < / (IZR (2 ^ k) * IZR (2 ^ k))) by (apply Rinv_0_lt_compat; nra).
  rewrite sqrt_sqrt by (apply Rmult_le_pos; [now apply (IZR_le 0)|lra]). unfold dy.
  replace (IZR (Z.sqrt N) / IZR (2 ^ k) * (IZR (Z.sqrt N) / IZR (2 ^ k)))
    with (IZR (Z.sqrt N) * IZR (Z.sqrt N) * / (IZR (2 ^ k) * IZR (2 ^ k))) by (field; lra).
  apply Rmult_le_compat_r; [lra|]. rewrite <- mult_IZR. apply IZR_le. now apply Z.sqrt_spec.
Qed.
Definition norm_up l := Z.sqrt_up (sumsqZ l).
Lemma sumsq_pos l : (0 <= sumsqZ l)%Z.
Proof. induction l; simpl; nia. Qed.
Lemma norm_up_ok k l : (0 <= k)%Z -> norm (length l) (vl k l) <= dy k (norm_up l).
Proof.
  intros Hk. eapply Rle_trans; [|apply sqrt_up_ok; [auto|apply sumsq_pos]]. right. unfold norm. f_equal.
  rewrite dot_vl, dotZ_self by auto. unfold dy. rewrite Z.pow_add_r, mult_IZR by auto. reflexivity.
Qed.
(* |P v| : the integer d sum v^2 - (sum v)^2 over d *)
Definition spread l := (Z.of_nat (length l) * sumsqZ l - sumZ l * sumZ l)%Z.
Definition pnorm_up l := Z.sqrt_up (spread l / Z.of_nat (length l) + 1).
Definition pnorm_low l := Z.sqrt (spread l / Z.of_nat (length l)).
Lemma pnorm_sq k l : (0 <= k)%Z -> (0 < length l)%nat ->
  dot (length l) (P (length l) (vl k l)) (P (length l) (vl k l)) = IZR (spread l) / INR (length l) / (IZR (2 ^ k) * IZR (2 ^ k)).
Proof.
  intros Hk Hd. pose proof (lt_0_INR _ Hd) as D0. pose proof (two_pos k Hk). rewrite dot_PP by auto. unfold P, mean.
  set (v := vl k l). set (d := length l) in *.
  unfold dot. rewrite (sum_ext d _ (fun i => 1 * (v i * v i) + - (sum d v / INR d) * v i)) by (intros; ring). rewrite sum_lin.
  assert (S1 : sum d v = IZR (sumZ l) / IZR (2 ^ k)).
  { unfold v, d, vl, dy. rewrite (sum_ext _ _ (fun i => / IZR (2 ^ k) * IZR (at_ l i))) by (intros; unfold Rdiv; ring). rewrite sum_scal, sum_IZR. unfold Rdiv. ring. }
  assert (S2 : sum d (fun i => v i * v i) = IZR (sumsqZ l) / (IZR (2 ^ k) * IZR (2 ^ k))).
  { pose proof (dot_vl k k l l Hk Hk eq_refl) as E. fold d v in E. unfold dot in E. rewrite E, dotZ_self. unfold dy. rewrite Z.pow_add_r, mult_IZR by auto. reflexivity. }
  rewrite S1, S2. unfold spread. rewrite minus_IZR, !mult_IZR, <- INR_IZR_INZ. fold d. field. lra.
Qed.
Lemma spread_pos l : (0 < length l)%nat -> (0 <= spread l)%Z.
Proof.
  intros Hd. apply le_IZR. pose proof (pnorm_sq 0 l ltac:(lia) Hd) as E. pose proof (dot_pos (length l) (P (length l) (vl 0 l))) as Q. rewrite E in Q.
  pose proof (lt_0_INR _ Hd) as D0. simpl (2 ^ 0)%Z in Q. replace (IZR (spread l) / INR (length l) / (1 * 1)) with (IZR (spread l) * / INR (length l)) in Q by (field; lra).
  apply Rmult_le_reg_r with (/ INR (length l)); [now apply Rinv_0_lt_compat|]. lra.
Qed.
Lemma pnorm_up_ok k l : (0 <= k)%Z -> (0 < length l)%nat -> norm (length l) (P (length l) (vl k l)) <= dy k (pnorm_up l).
Proof.
  intros Hk Hd. pose proof (spread_pos l Hd) as Hs. set (n := Z.of_nat (length l)). assert (Hn : (0 < n)%Z) by (unfold n; lia).
  pose proof (Z.div_pos (spread l) n Hs Hn) as Hq.
  eapply Rle_trans; [|apply (sqrt_up_ok k (spread l / n + 1)); auto; lia]. unfold norm. apply sqrt_le_1_alt. rewrite pnorm_sq by auto.
  apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, Rmult_lt_0_compat; now apply two_pos|].
  rewrite INR_IZR_INZ. fold n. assert (P0 : 0 < IZR n) by now apply (IZR_lt 0).
  pose proof (Z.mul_succ_div_gt (spread l) n Hn) as L. apply Z.lt_le_incl, IZR_le in L. rewrite mult_IZR, succ_IZR in L. rewrite plus_IZR.
  apply Rmult_le_reg_r with (IZR n); auto. replace (IZR (spread l) / IZR n * IZR n) with (IZR (spread l)) by (field; lra). lra.
Qed.
Lemma pnorm_low_ok k l : (0 <= k)%Z -> (0 < length l)%nat -> dy k (pnorm_low l) <= norm (length l) (P (length l) (vl k l)).
Proof.
  intros Hk Hd. pose proof (spread_pos l Hd) as Hs. set (n := Z.of_nat (length l)). assert (Hn : (0 < n)%Z) by (unfold n; lia).
  pose proof (Z.div_pos (spread l) n Hs Hn) as Hq.
  eapply Rle_trans; [apply (sqrt_ok k (spread l / n)); auto|]. unfold norm. apply sqrt_le_1_alt. rewrite pnorm_sq by auto.
  apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, Rmult_lt_0_compat; now apply two_pos|].
  rewrite INR_IZR_INZ. fold n. assert (P0 : 0 < IZR n) by now apply (IZR_lt 0).
  pose proof (Z.mul_div_le (spread l) n Hn) as L. apply IZR_le in L. rewrite mult_IZR in L.
  apply Rmult_le_reg_r with (IZR n); auto. replace (IZR (spread l) / IZR n * IZR n) with (IZR (spread l)) by (field; lra). lra.
Qed.

(* ------------------------------------------------------------------ spectral norm *)
(* columns cs with weights z: |sum z_i c_i|^2 <= sum gram_i z_i^2, gram_i = |c_i|^2 + sum over the others of |c_i . c_j| *)
Fixpoint gram (cs : list (list Z)) : list Z := match cs with
  | [] => []
  | c :: r => let gs := map (fun c' => Z.abs (dotZ c c')) r in (sumsqZ c + sumZ gs)%Z :: zip Z.add gs (gram r) end.
Definition mix k (cs : list (list Z)) (z : vec) : vec := fun i => sum (length cs) (fun j => z j * vl k (nth j cs []) i).
Lemma length_gram cs : length (gram cs) = length cs.
Proof. induction cs; simpl; auto. rewrite length_zip; rewrite map_length; auto. Qed.
Theorem gram_ok k n cs z : (0 <= k)%Z -> (forall c, In c cs -> length c = n) ->
  dot n (mix k cs z) (mix k cs z) <= sum (length cs) (fun j => vl (k + k) (gram cs) j * (z j * z j)).
Proof.
  intros Hk. revert z. induction cs as [|c r IH]; intros z Hn; simpl length.
  - unfold mix, dot. simpl. rewrite (sum_ext n _ (fun _ => 0)) by (intros; ring). rewrite sum_const. lra.
  - assert (Hc : length c = n) by (apply Hn; left; auto). assert (Hr : forall c', In c' r -> length c' = n) by (intros; apply Hn; right; auto).
    set (z' := fun j => z (S j)). specialize (IH z' Hr). set (u := vl k c). set (w := mix k r z') in *.
    assert (E : forall i, mix k (c :: r) z i = z O * u i + 1 * w i).
    { intros i. unfold mix. simpl length. rewrite sum_front. simpl nth. unfold u, w, mix, z'. ring. }
    rewrite (dot_ext n _ _ (fun i => z O * u i + 1 * w i) (fun i => z O * u i + 1 * w i)) by (intros; apply E). rewrite dot_comb.
    assert (Eu : dot n u u = dy (k + k) (sumsqZ c)) by (pose proof (dot_vl k k c c Hk Hk eq_refl) as Q; now rewrite Hc, dotZ_self in Q).
    assert (Ew : dot n u w = sum (length r) (fun j => z' j * dy (k + k) (dotZ c (nth j r [])))).
    { unfold w, mix, dot. rewrite (sum_ext n _ (fun i => sum (length r) (fun j => z' j * (u i * vl k (nth j r []) i)))).
      - rewrite sum_swap. apply sum_ext. intros j Hj. rewrite sum_scal. f_equal. fold (dot n u (vl k (nth j r []))). unfold u.
        assert (Lj : length (nth j r []) = n) by (apply Hr, nth_In; auto). rewrite <- Hc at 1. apply dot_vl; auto. congruence.
      - intros i _. rewrite <- sum_scal. apply sum_ext. intros. ring. }
    set (gs := map (fun c' => Z.abs (dotZ c c')) r). assert (Lg : length gs = length r) by apply map_length.
    rewrite sum_front. unfold vl at 1. simpl at_. unfold at_ at 1. simpl nth. fold gs.
    assert (Sg : dy (k + k) (sumZ gs) = sum (length r) (fun j => dy (k + k) (at_ gs j))).
    { rewrite <- Lg. unfold dy. rewrite (sum_ext _ _ (fun j => / IZR (2 ^ (k + k)) * IZR (at_ gs j))) by (intros; unfold Rdiv; ring).
      rewrite sum_scal, sum_IZR. unfold Rdiv. ring. }
    assert (Gj : forall j, vl (k + k) (gram (c :: r)) (S j) = dy (k + k) (at_ gs j) + vl (k + k) (gram r) j).
    { intros j. unfold vl. change (at_ (gram (c :: r)) (S j)) with (at_ (zip Z.add gs (gram r)) j).
      rewrite at_zip by (auto; rewrite length_gram; auto). apply dy_add. }
    rewrite dy_add, Sg, Eu, Ew.
    rewrite (sum_ext _ (fun i => vl (k + k) (gram (c :: r)) (S i) * (z (S i) * z (S i)))
      (fun j => 1 * (dy (k + k) (at_ gs j) * (z' j * z' j)) + 1 * (vl (k + k) (gram r) j * (z' j * z' j)))) by (intros; rewrite Gj; unfold z'; ring).
    rewrite sum_lin.
    assert (Cross : 2 * z O * sum (length r) (fun j => z' j * dy (k + k) (dotZ c (nth j r [])))
      <= sum (length r) (fun j => dy (k + k) (at_ gs j)) * (z O * z O) + sum (length r) (fun j => dy (k + k) (at_ gs j) * (z' j * z' j))).
    { rewrite (Rmult_comm _ (z O * z O)), <- !sum_scal, <- sum_add. apply sum_le. intros j Hj.
      assert (Ej : dy (k + k) (at_ gs j) = Rabs (dy (k + k) (dotZ c (nth j r [])))).
      { rewrite dy_abs by lia. f_equal. unfold at_, gs. rewrite (nth_indep _ 0%Z (Z.abs (dotZ c []))) by (rewrite map_length; auto).
        apply (map_nth (fun c' => Z.abs (dotZ c c'))). }
      rewrite Ej. set (s := dy (k + k) (dotZ c (nth j r []))). pose proof (Rle_abs s). pose proof (Rle_abs (- s)) as H0. rewrite Rabs_Ropp in H0.
      pose proof (Rle_0_sqr (z O - z' j)) as Q1. pose proof (Rle_0_sqr (z O + z' j)) as Q2. unfold Rsqr in *. nra. }
    nra.
Qed.
