(* Softmax for every context length n. S1: weights. S2: hull. S3: shrunken hull. S4: dispersion. *)
From ICL Require Export Vectors.

Definition softmax (n : nat) (s : vec) : vec := fun i => exp (s i) / sum n (fun j => exp (s j)).
Definition stochastic n (p : vec) := (forall i, (i < n)%nat -> 0 <= p i) /\ sum n p = 1.

Lemma sum_exp_pos n s : (0 < n)%nat -> 0 < sum n (fun j => exp (s j)).
Proof. intros. apply sum_pos; auto. intros. apply exp_pos. Qed.

Theorem softmax_pos n s i : (0 < n)%nat -> 0 < softmax n s i.
Proof. intros. apply Rmult_lt_0_compat; [apply exp_pos|]. now apply Rinv_0_lt_compat, sum_exp_pos. Qed.
Theorem softmax_sum n s : (0 < n)%nat -> sum n (softmax n s) = 1.
Proof.
  intros. pose proof (sum_exp_pos n s H). unfold softmax. set (Z := sum n (fun j => exp (s j))) in *.
  rewrite (sum_ext n _ (fun i => / Z * exp (s i))) by (intros; unfold Rdiv; ring).
  rewrite sum_scal. fold Z. field. lra.
Qed.
Theorem softmax_stochastic n s : (0 < n)%nat -> stochastic n (softmax n s).
Proof. intros. split; [intros; left; now apply softmax_pos|now apply softmax_sum]. Qed.
Theorem softmax_shift n s c i : (0 < n)%nat -> softmax n (fun j => s j + c) i = softmax n s i.
Proof.
  intros. pose proof (sum_exp_pos n s H). unfold softmax.
  rewrite (sum_ext n (fun j => exp (s j + c)) (fun j => exp c * exp (s j))) by (intros; rewrite exp_plus; ring).
  rewrite sum_scal, exp_plus. pose proof (exp_pos c). field. lra.
Qed.

(* ------------------------------------------------------------------ S1 *)
Lemma sum_others n f i a b : (i < n)%nat -> (forall j, (j < n)%nat -> j <> i -> a <= f j <= b) ->
  f i + (INR n - 1) * a <= sum n f <= f i + (INR n - 1) * b.
Proof.
  intros Hi H. rewrite (sum_split n f i Hi).
  assert (C : forall c, sum n (fun j => if Nat.eq_dec j i then 0 else c) = (INR n - 1) * c).
  { intros c. pose proof (sum_split n (fun _ => c) i Hi) as E. rewrite sum_const in E. lra. }
  split; apply Rplus_le_compat_l; rewrite <- C; apply sum_le; intros j Hj; destruct (Nat.eq_dec j i); try lra; now apply H.
Qed.

Lemma softmax_inv n s i : (0 < n)%nat -> softmax n s i = / sum n (fun j => exp (s j - s i)).
Proof.
  intros. pose proof (sum_exp_pos n s H). unfold softmax.
  rewrite (sum_ext n (fun j => exp (s j - s i)) (fun j => exp (- s i) * exp (s j)))
    by (intros; rewrite <- exp_plus; f_equal; ring).
  rewrite sum_scal, exp_Ropp. pose proof (exp_pos (s i)). field. lra.
Qed.

Lemma exp_le x y : x <= y -> exp x <= exp y.
Proof. intros [H| ->]; [left; now apply exp_increasing|right; auto]. Qed.

Theorem softmax_weight n s i del : (i < n)%nat ->
  (forall j k, (j < n)%nat -> (k < n)%nat -> s j - s k <= del) ->
  / (1 + (INR n - 1) * exp del) <= softmax n s i <= / (1 + (INR n - 1) * exp (- del)).
Proof.
  intros Hi H. rewrite softmax_inv by lia.
  pose proof (sum_others n (fun j => exp (s j - s i)) i (exp (- del)) (exp del) Hi) as B. simpl in B.
  rewrite Rminus_eq_0, exp_0 in B.
  destruct B as [B1 B2].
  { intros j Hj _. split; apply exp_le; [specialize (H i j Hi Hj)|specialize (H j i Hj Hi)]; lra. }
  assert (N : 1 <= INR n) by (apply (le_INR 1); lia). pose proof (exp_pos (- del)).
  assert (0 < 1 + (INR n - 1) * exp (- del)) by nra.
  split; apply Rinv_le_contravar; lra.
Qed.
(* both ends are attained, by one score del (resp. -del) against zeros *)
Theorem softmax_weight_sharp n i del : (i < n)%nat ->
  softmax n (fun j => if Nat.eq_dec j i then del else 0) i = / (1 + (INR n - 1) * exp (- del)).
Proof.
  intros Hi. rewrite softmax_inv by lia. f_equal.
  set (f := fun j => exp ((if Nat.eq_dec j i then del else 0) - (if Nat.eq_dec i i then del else 0))).
  pose proof (sum_others n f i (exp (- del)) (exp (- del)) Hi) as B.
  assert (F : f i = 1) by (unfold f; rewrite Rminus_eq_0; apply exp_0). rewrite F in B.
  enough (forall j, (j < n)%nat -> j <> i -> exp (- del) <= f j <= exp (- del)) by (specialize (B H); lra).
  intros j _ N. unfold f. destruct (Nat.eq_dec j i); [lia|]. destruct (Nat.eq_dec i i); [|lia].
  replace (0 - del) with (- del) by ring. lra.
Qed.

(* mass of any k tokens, marked by a vector of zeros and ones *)
Lemma sum_product n f g : sum n f * sum n g = sum n (fun j => sum n (fun k => f j * g k)).
Proof. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros j _. rewrite sum_scal. ring. Qed.
Theorem softmax_mass n s del a : (0 < n)%nat -> (forall j k, (j < n)%nat -> (k < n)%nat -> s j - s k <= del) ->
  (forall j, a j = 0 \/ a j = 1) -> 0 < sum n a ->
  dot n a (softmax n s) <= sum n a / (sum n a + (INR n - sum n a) * exp (- del)).
Proof.
  intros Hn H Ha Hk. set (k := sum n a) in *. set (A := sum n (fun j => a j * exp (s j))). set (C := sum n (fun j => (1 - a j) * exp (s j))).
  assert (Z : sum n (fun j => exp (s j)) = A + C) by (unfold A, C; rewrite <- sum_add; apply sum_ext; intros; ring).
  assert (E : dot n a (softmax n s) = A / (A + C)).
  { unfold dot, softmax. rewrite Z, (sum_ext n _ (fun j => / (A + C) * (a j * exp (s j)))) by (intros; unfold Rdiv; ring). rewrite sum_scal. fold A. unfold Rdiv. ring. }
  assert (ZP : 0 < A + C) by (rewrite <- Z; now apply sum_exp_pos).
  assert (K2 : INR n - k = sum n (fun j => 1 - a j)).
  { unfold k. rewrite (sum_ext n (fun j => 1 - a j) (fun j => 1 * 1 + -1 * a j)) by (intros; ring). rewrite sum_lin, sum_const. ring. }
  assert (K3 : 0 <= INR n - k) by (rewrite K2; apply sum_nonneg; intros j _; destruct (Ha j) as [-> | ->]; lra).
  assert (X : (INR n - k) * exp (- del) * A <= k * C).
  { rewrite K2. unfold k, A, C. replace (sum n (fun j => 1 - a j) * exp (- del) * sum n (fun j => a j * exp (s j)))
      with (sum n (fun j => a j * exp (s j)) * (exp (- del) * sum n (fun j => 1 - a j))) by ring.
    rewrite <- sum_scal, !sum_product. apply sum_le. intros i Hi. apply sum_le. intros j Hj.
    assert (W : exp (s i) * exp (- del) <= exp (s j)) by (rewrite <- exp_plus; apply exp_le; specialize (H i j Hi Hj); lra).
    destruct (Ha i) as [-> | ->], (Ha j) as [-> | ->]; nra. }
  pose proof (exp_pos (- del)) as Ed. assert (Q : 0 < k + (INR n - k) * exp (- del)) by nra. rewrite E.
  apply Rmult_le_reg_r with ((A + C) * (k + (INR n - k) * exp (- del))); [nra|].
  replace (A / (A + C) * ((A + C) * (k + (INR n - k) * exp (- del)))) with (A * (k + (INR n - k) * exp (- del))) by (field; lra).
  replace (k / (k + (INR n - k) * exp (- del)) * ((A + C) * (k + (INR n - k) * exp (- del)))) with (k * (A + C)) by (field; lra). nra.
Qed.

(* ------------------------------------------------------------------ S2 *)
Theorem hull n p l a b : stochastic n p -> (forall j, (j < n)%nat -> a <= l j <= b) -> a <= dot n p l <= b.
Proof.
  intros [Hp Hs] H. unfold dot.
  rewrite <- (Rmult_1_r a), <- (Rmult_1_r b), <- Hs, <- !sum_scal.
  split; apply sum_le; intros j Hj; specialize (H j Hj); specialize (Hp j Hj); nra.
Qed.
(* vector version: the norm of an attention output is at most the largest value norm *)
Theorem hull_norm n d p (v : nat -> vec) B : stochastic n p -> (forall j, (j < n)%nat -> norm d (v j) <= B) ->
  norm d (fun i => sum n (fun j => p j * v j i)) <= B.
Proof.
  intros [Hp Hs] H. eapply Rle_trans; [apply (norm_sum d n (fun j => scal (p j) (v j)))|].
  rewrite <- (Rmult_1_r B), <- Hs, <- sum_scal. apply sum_le. intros j Hj. rewrite norm_scal.
  specialize (H j Hj). specialize (Hp j Hj). rewrite Rabs_right by lra. nra.
Qed.

(* ------------------------------------------------------------------ S3 *)
(* weighted mean with weights a_j in [lo,hi]: the best is bang-bang (hi above a threshold, lo below) *)
Definition wmean n (a l : vec) := sum n (fun j => a j * l j) / sum n a.
Lemma wmean_ext n a b l : (forall j, (j < n)%nat -> a j = b j) -> wmean n a l = wmean n b l.
Proof. intros H. unfold wmean. rewrite (sum_ext n a b H). f_equal. apply sum_ext. intros. now rewrite H. Qed.
Definition bang lo hi tau (l : vec) : vec := fun j => if Rlt_dec tau (l j) then hi else lo.

Theorem shrunken_hull n a l lo hi : (0 < n)%nat -> 0 < lo -> (forall j, (j < n)%nat -> lo <= a j <= hi) ->
  wmean n a l <= wmean n (bang lo hi (wmean n a l) l) l.
Proof.
  intros Hn Hlo Ha. set (M := wmean n a l) at 1 2. set (b := bang lo hi M l).
  assert (SA : 0 < sum n a) by (apply sum_pos; auto; intros j Hj; specialize (Ha j Hj); lra).
  assert (SB : 0 < sum n b).
  { apply sum_pos; auto. intros j Hj. specialize (Ha j Hj). unfold b, bang. destruct (Rlt_dec M (l j)); lra. }
  assert (E0 : sum n (fun j => a j * (l j - M)) = 0).
  { rewrite (sum_ext n _ (fun j => 1 * (a j * l j) + (- M) * a j)) by (intros; ring). rewrite sum_lin.
    unfold M, wmean. field. lra. }
  assert (E1 : 0 <= sum n (fun j => b j * (l j - M))).
  { rewrite <- E0. apply sum_le. intros j Hj. specialize (Ha j Hj). unfold b, bang. destruct (Rlt_dec M (l j)); nra. }
  rewrite (sum_ext n _ (fun j => 1 * (b j * l j) + (- M) * b j)) in E1 by (intros; ring). rewrite sum_lin in E1.
  unfold wmean. apply Rmult_le_reg_r with (sum n b); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

(* for values in decreasing order the threshold set is {0..k-1}: the closed form of theory.md *)
Definition topk lo hi k : vec := fun j => if (j <? k)%nat then hi else lo.
Lemma threshold_prefix n l tau : (forall i j, (i <= j < n)%nat -> l j <= l i) ->
  exists k, (k <= n)%nat /\ forall j, (j < n)%nat -> (tau < l j <-> (j < k)%nat).
Proof.
  induction n; intros H.
  - exists O. split; [lia|intros; lia].
  - destruct (Rlt_dec tau (l n)) as [L|L].
    + exists (S n). split; auto. intros j Hj. split; auto. intros _.
      eapply Rlt_le_trans; [exact L|apply H; lia].
    + destruct IHn as [k [K1 K2]]; [intros; apply H; lia|].
      exists k. split; [lia|]. intros j Hj. destruct (Nat.eq_dec j n) as [->|E]; [|apply K2; lia].
      split; [tauto|lia].
Qed.
Theorem shrunken_hull_sorted n a l lo hi : (0 < n)%nat -> 0 < lo ->
  (forall j, (j < n)%nat -> lo <= a j <= hi) -> (forall i j, (i <= j < n)%nat -> l j <= l i) ->
  exists k, (k <= n)%nat /\ wmean n a l <= wmean n (topk lo hi k) l.
Proof.
  intros Hn Hlo Ha Hs. destruct (threshold_prefix n l (wmean n a l) Hs) as [k [K1 K2]]. exists k. split; auto.
  eapply Rle_trans; [now apply (shrunken_hull n a l lo hi)|]. right.
  assert (E : forall j, (j < n)%nat -> bang lo hi (wmean n a l) l j = topk lo hi k j).
  { intros j Hj. specialize (K2 j Hj). unfold bang, topk. destruct (Rlt_dec (wmean n a l) (l j)) as [L|L];
    destruct (Nat.ltb_spec j k); auto; [apply K2 in L; lia|exfalso; apply L, K2; auto]. }
  now apply wmean_ext.
Qed.
Lemma softmax_wmean n s l : (0 < n)%nat -> dot n (softmax n s) l = wmean n (fun j => exp (s j)) l.
Proof.
  intros. pose proof (sum_exp_pos n s H). unfold dot, softmax, wmean, Rdiv. rewrite Rmult_comm, <- sum_scal.
  apply sum_ext. intros. ring.
Qed.
Theorem softmax_shrunken_hull n s l B : (0 < n)%nat ->
  (forall j, (j < n)%nat -> Rabs (s j) <= B) -> (forall i j, (i <= j < n)%nat -> l j <= l i) ->
  exists k, (k <= n)%nat /\ dot n (softmax n s) l <= wmean n (topk (exp (- B)) (exp B) k) l.
Proof.
  intros Hn Hs Hl. rewrite softmax_wmean by auto. apply shrunken_hull_sorted; auto; [apply exp_pos|].
  intros j Hj. specialize (Hs j Hj). apply abs_inv in Hs. split; apply exp_le; lra.
Qed.

(* ------------------------------------------------------------------ S4 *)
Theorem dispersion n s i B : (i < n)%nat -> (forall j, (j < n)%nat -> Rabs (s j) <= B) ->
  softmax n s i <= / (1 + (INR n - 1) * exp (- (2 * B))).
Proof.
  intros Hi H. apply softmax_weight; auto. intros j k Hj Hk.
  pose proof (H j Hj) as H1. pose proof (H k Hk) as H2. apply abs_inv in H1, H2. lra.
Qed.
Theorem dispersion_limit B e : 0 < e -> exists N, forall n s i, (N <= n)%nat -> (i < n)%nat ->
  (forall j, (j < n)%nat -> Rabs (s j) <= B) -> softmax n s i < e.
Proof.
  intros He. pose proof (exp_pos (- (2 * B))) as E. set (q := exp (- (2 * B))) in *.
  assert (Pq : 0 < / (e * q)) by (apply Rinv_0_lt_compat; nra).
  destruct (archimed (/ (e * q) + 1)) as [A _]. set (z := up (/ (e * q) + 1)) in *.
  exists (Z.to_nat z). intros n s i Hn Hi H. eapply Rle_lt_trans; [now apply (dispersion n s i B)|]. fold q.
  assert (Nz : IZR z <= INR n).
  { rewrite INR_IZR_INZ. apply IZR_le. lia. }
  assert (L : / (e * q) < INR n - 1) by lra.
  apply (Rmult_lt_compat_r (e * q)) in L; [|nra]. rewrite Rinv_l in L by nra.
  assert (0 < 1 + (INR n - 1) * q) by nra.
  apply Rmult_lt_reg_r with (1 + (INR n - 1) * q); auto. rewrite Rinv_l by lra. nra.
Qed.
