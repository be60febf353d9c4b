(* Kernel-checked bound of what an attention adds to the stream, in |P .|, whatever its scores: the spectral norm of each centred
   OV circuit, computed from rounded factors with the cost of rounding added, and the block's constant. *)
From ICL Require Export Bounds.
Require Import ZArith List.
Import ListNotations.

(* ------------------------------------------------------------------ integer matrices *)
Fixpoint lincomb n (u : list Z) (V : list (list Z)) : list Z :=
  match u, V with x :: u', v :: V' => zip Z.add (map (Z.mul x) v) (lincomb n u' V') | _, _ => repeat 0%Z n end.
Lemma length_lincomb n u V : widths n V = true -> length (lincomb n u V) = n.
Proof.
  intros H. unfold widths in H. rewrite forallb_forall in H. revert u. induction V as [|v V IH]; intros u; destruct u; simpl; try apply repeat_length.
  assert (Lv : length v = n) by (apply Nat.eqb_eq, H; left; auto).
  rewrite length_zip; rewrite map_length; auto. rewrite IH; auto. intros; apply H; right; auto.
Qed.
Lemma at_repeat n i : at_ (repeat 0%Z n) i = 0%Z.
Proof. unfold at_. revert i. induction n; intros i; destruct i; simpl; auto. Qed.
Lemma lincomb_ok k l n u V j : (0 <= k)%Z -> (0 <= l)%Z -> widths n V = true -> length u = length V ->
  vl (k + l) (lincomb n u V) j = dot (length u) (vl k u) (fun i => ml l V i j).
Proof.
  intros Hk Hl H. revert u. induction V as [|v V IH]; intros u Hu; destruct u as [|x u]; try discriminate.
  - unfold vl, dot. simpl. rewrite at_repeat. apply dy_0.
  - assert (HV : widths n V = true) by (simpl in H; now apply andb_prop in H). assert (Lv : length v = n) by (apply (widths_in n (v :: V)); auto; left; auto).
    unfold dot. simpl length. rewrite sum_front. unfold vl at 1. simpl lincomb.
    rewrite at_zip by (auto; rewrite map_length, length_lincomb; auto). rewrite at_map by lia. rewrite dy_add, dy_mul by auto.
    f_equal. apply IH; auto.
Qed.
Definition frob_up (rows : list (list Z)) := Z.sqrt_up (sumZ (map sumsqZ rows)).
Lemma frob_up_ok k m rows : (0 <= k)%Z -> widths m rows = true -> frob (length rows) m (ml k rows) <= dy k (frob_up rows).
Proof.
  intros Hk H. assert (N0 : forall rs, (0 <= sumZ (map sumsqZ rs))%Z) by (induction rs as [|r rs IH]; simpl; [lia|pose proof (sumsq_pos r); lia]).
  eapply Rle_trans; [|apply sqrt_up_ok; auto]. right. unfold frob. f_equal. pose proof (two_pos k Hk).
  assert (E : forall r, length r = m -> dot m (vl k r) (vl k r) = IZR (sumsqZ r) / (IZR (2 ^ k) * IZR (2 ^ k))).
  { intros r Lr. pose proof (dot_vl k k r r Hk Hk eq_refl) as Q. rewrite Lr in Q. rewrite Q, dotZ_self. unfold dy. rewrite Z.pow_add_r, mult_IZR by auto. reflexivity. }
  clear N0. induction rows as [|r rows IH]; [simpl; field; lra|]. simpl length. rewrite sum_front. simpl map. simpl sumZ. rewrite plus_IZR.
  assert (HV : widths m rows = true) by (simpl in H; now apply andb_prop in H).
  change (sum (length rows) (fun i => dot m (ml k (r :: rows) (S i)) (ml k (r :: rows) (S i)))) with (sum (length rows) (fun i => dot m (ml k rows i) (ml k rows i))).
  rewrite IH by auto. change (ml k (r :: rows) O) with (vl k r). rewrite E by (apply (widths_in m (r :: rows)); auto; left; auto). field. lra.
Qed.

Record head_z := { wo : list (list Z); wv : list (list Z); bv : list Z }.
Record attn_z := { g_a : list Z; b_a : list Z; heads_a : list head_z; bo : list Z }.
Definition no_head := {| wo := []; wv := []; bv := [] |}.

Section AttentionBound.
Variables K t s q : Z.                                      (* bits of the weights, of vectors, of the factors, of the Gram matrix *)
Hypothesis bits : (0 < q <= s /\ s <= t < K)%Z.
Local Notation to := (to t).

Definition head_of (score : stream -> nat -> nat -> R) h (bias : vec) : Blocks.head :=
  softmax_head score (fun i j => dot (length (bv h)) (ml K (wo h) i) (fun l => ml K (wv h) l j))
    (fun i => dot (length (bv h)) (ml K (wo h) i) (vl K (bv h)) + bias i).
Definition attn_block (scores : nat -> stream -> nat -> nat -> R) A : block :=
  Attn (vl K (g_a A)) (vl K (b_a A)) (length (heads_a A))
    (fun k => head_of (scores k) (nth k (heads_a A) no_head) (match k with O => vl K (bo A) | S _ => fun _ => 0 end)).

(* ------------------------------------------------------------------ one head *)
Section OneHead.
Variables (g : list Z) (h : head_z) (extra : list (list Z)).
Let d := length g.
Let dh := length (bv h).
Definition head_fits := ((length (wo h) =? length g)%nat && widths (length (bv h)) (wo h) && (length (wv h) =? length (bv h))%nat && widths (length g) (wv h)
  && (length extra =? length g)%nat && widths (length (hd [] extra)) extra)%bool.
Definition factor_u := centred (length (bv h)) (rounded K s (wo h)).
Definition value_row r := map (near (t + t) s) (zip Z.mul (map (near K t) r) (map (near K t) g)).
Definition minus_mean r := let c := (sumZ r / Z.of_nat (length r))%Z in map (fun x => (x - c)%Z) r.
Definition factor_v := map (fun r => minus_mean (value_row r)) (wv h).
Definition circuit := let v := factor_v in rounded (s + s) q (map (fun u => lincomb (length g) u v) factor_u).
Definition fuzziest := fold_right Z.max 0%Z (map (fun r => fuzz (maxabs (map (near K t) r)) (maxabs (map (near K t) g))) (wv h)).
Definition head_top := let D := length g in let H := length (bv h) in let fu := frob_up factor_u in let fv := frob_up factor_v in
  (to q (spectral circuit extra) + to (q + 1) (side D D) + to (s + (2 * t + 2)) (fu * (side H D * fuzziest)) + to (s + (s + 1)) (fu * side H D)
   + to (s + 1 + s) (side D H * fv) + to (s + 1 + (2 * t + 2)) (side D H * (side H D * fuzziest)) + to (s + 1 + (s + 1)) (side D H * side H D))%Z.

Lemma minus_mean_dot k r z d' : length r = d' -> sum d' z = 0 -> dot d' (vl k (minus_mean r)) z = dot d' (vl k r) z.
Proof.
  intros Lr Hz. set (c := (sumZ r / Z.of_nat (length r))%Z). unfold dot.
  rewrite (sum_ext d' (fun i => vl k (minus_mean r) i * z i) (fun i => 1 * (vl k r i * z i) + - dy k c * z i)).
  - rewrite sum_lin, Hz. ring.
  - intros i Hi. unfold vl, minus_mean. fold c. rewrite at_map_in by lia. rewrite dy_sub. ring.
Qed.
Theorem head_top_ok score bias : (0 < length g)%nat -> head_fits = true -> forall z, sum d z = 0 ->
  norm d (P d (mv d (VO (head_of score h bias)) (mul (vl K g) z))) <= dy t head_top * norm d z.
Proof.
  unfold head_fits. rewrite !Bool.andb_true_iff, !Nat.eqb_eq. intros Hd [[[[[Lo Wo] Lv] Wv] Le] We] z Hz.
  fold d in Hd, Lo, Wv, Le. fold dh in Wo, Lv. pose proof (norm_pos d z) as Nz.
  set (x := mv d (fun l j => ml K (wv h) l j * vl K g j) z).
  assert (Ex : forall i, mv d (VO (head_of score h bias)) (mul (vl K g) z) i = mv dh (ml K (wo h)) x i).
  { intros i. unfold mv at 1, head_of. cbn [VO softmax_head]. fold dh. unfold dot at 1.
    rewrite (sum_ext d _ (fun j => sum dh (fun l => ml K (wo h) i l * (ml K (wv h) l j * vl K g j * z j)))).
    - rewrite sum_swap. apply sum_ext. intros l _. rewrite sum_scal. reflexivity.
    - intros j _. rewrite Rmult_comm. unfold dot. rewrite <- sum_scal. apply sum_ext. intros. unfold mul. ring. }
  rewrite (normP_ext d _ (mv dh (ml K (wo h)) x)) by (intros; apply Ex).
  (* the value factor *)
  set (e := dy (2 * t + 2) fuzziest + ulp s).
  assert (F0 : 0 <= dy (2 * t + 2) fuzziest) by (rewrite <- (dy_0 (2 * t + 2)); apply dy_le; [lia|apply max_pos]).
  pose proof (ulp_pos s ltac:(lia)) as Us. pose proof (ulp_pos q ltac:(lia)) as Uq.
  set (V0 := map value_row (wv h)).
  assert (Row : forall l, (l < dh)%nat -> nth l V0 [] = value_row (nth l (wv h) [])).
  { intros l Hl. unfold V0. rewrite (nth_indep _ [] (value_row [])) by (rewrite map_length; lia). apply map_nth. }
  assert (Lrow : forall l, (l < dh)%nat -> length (value_row (nth l (wv h) [])) = d).
  { intros l Hl. assert (Lw : length (nth l (wv h) []) = d) by (apply widths_ok; auto; lia).
    unfold value_row. rewrite map_length, length_zip; rewrite !map_length; auto. }
  set (y := mv d (ml s factor_v) z).
  assert (Lfv : length factor_v = dh) by (unfold factor_v; rewrite map_length; auto).
  assert (Ey : forall l, (l < dh)%nat -> y l = mv d (ml s V0) z l).
  { intros l Hl. unfold y, mv, ml, factor_v. rewrite (nth_indep _ [] (minus_mean (value_row []))) by (rewrite map_length; lia).
    rewrite (map_nth (fun r => minus_mean (value_row r))), Row by auto. now apply minus_mean_dot; auto. }
  assert (Wfv : widths d factor_v = true).
  { unfold widths. rewrite forallb_forall. intros r Hr. unfold factor_v in Hr. apply in_map_iff in Hr. destruct Hr as [r0 [<- Hr]]. apply Nat.eqb_eq.
    unfold minus_mean. cbv zeta. rewrite map_length. unfold value_row. rewrite map_length, length_zip; rewrite !map_length; auto; now apply (widths_in d (wv h)). }
  assert (XY : norm dh (add x (scal (-1) y)) <= IZR (side dh d) * e * norm d z).
  { rewrite (norm_ext dh _ (add x (scal (-1) (mv d (ml s V0) z)))) by (intros; unfold add, scal; now rewrite Ey).
    apply near_matrix; [unfold e; lra|]. intros l j Hl Hj. unfold ml at 2. rewrite Row by auto. set (r := nth l (wv h) []). unfold value_row.
    set (r' := map (near K t) r). set (g' := map (near K t) g).
    assert (Lg : length r' = length g') by (unfold r', g'; rewrite !map_length; apply widths_ok; auto; lia).
    pose proof (fuzz_mul K t ltac:(lia) r g j) as A. fold r' g' in A.
    pose proof (vl_near (t + t) s (zip Z.mul r' g') j ltac:(lia)) as B.
    assert (E : vl (t + t) (zip Z.mul r' g') j = vl t r' j * vl t g' j) by (unfold vl; rewrite at_zip by auto; apply dy_mul; lia).
    rewrite E in B. assert (Fz : dy (2 * t + 2) (fuzz (maxabs r') (maxabs g')) <= dy (2 * t + 2) fuzziest).
    { apply dy_le; [lia|]. unfold fuzziest. set (f := fun r => fuzz (maxabs (map (near K t) r)) (maxabs (map (near K t) g))).
      pose proof (max_ge (map f (wv h)) l) as Mx. unfold at_ in Mx. rewrite (nth_indep _ 0%Z (f [])) in Mx by (rewrite map_length; lia).
      rewrite map_nth in Mx. exact Mx. }
    unfold ml. fold r. replace (vl K r j * vl K g j - vl s (map (near (t + t) s) (zip Z.mul r' g')) j)
      with ((vl K r j * vl K g j - vl t r' j * vl t g' j) + (vl t r' j * vl t g' j - vl s (map (near (t + t) s) (zip Z.mul r' g')) j)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. unfold e. lra. }
  assert (Y : norm dh y <= dy s (frob_up factor_v) * norm d z).
  { unfold y. rewrite <- Lfv. eapply Rle_trans; [apply mv_bound|]. apply Rmult_le_compat_r; auto. apply frob_up_ok; auto. lia. }
  assert (X : norm dh x <= (dy s (frob_up factor_v) + IZR (side dh d) * e) * norm d z).
  { eapply Rle_trans; [apply (norm_near dh x y)|]. lra. }
  (* the output factor *)
  set (rows := rounded K s (wo h)). set (c := vl s (columns_mean dh rows)).
  assert (Wr : widths dh rows = true) by now apply rounded_widths. assert (Lr : length rows = d) by (unfold rows, rounded; rewrite map_length; auto).
  assert (Lu : length factor_u = d) by (unfold factor_u, centred, rounded; rewrite !map_length; auto).
  assert (Wu : widths dh factor_u = true) by now apply centred_widths.
  set (A := fun i l => ml K (wo h) i l - c l). set (B := ml s factor_u).
  assert (S1 : norm d (P d (mv dh (ml K (wo h)) x)) <= norm d (mv dh A x)).
  { eapply Rle_trans; [apply (norm_P_shift d _ (dot dh c x) Hd)|]. right. apply norm_ext. intros i _. unfold mv, A.
    replace (dot dh (ml K (wo h) i) x - dot dh c x) with (1 * sum dh (fun l => ml K (wo h) i l * x l) + -1 * sum dh (fun l => c l * x l)) by (unfold dot; ring).
    rewrite <- sum_lin. apply sum_ext. intros. ring. }
  assert (S2 : norm d (mv dh A x) <= norm d (mv dh B x) + IZR (side d dh) * ulp s * norm dh x).
  { eapply Rle_trans; [apply (norm_near d (mv dh A x) (mv dh B x))|]. apply Rplus_le_compat_l. apply near_matrix; [lra|].
    intros i l Hi Hl. unfold A, B, factor_u. fold dh rows. rewrite centred_entry by (auto; lia). fold c.
    replace (ml K (wo h) i l - c l - (ml s rows i l - c l)) with (ml K (wo h) i l - ml s rows i l) by ring. apply rounded_entry. lia. }
  assert (S3 : norm d (mv dh B x) <= norm d (mv dh B y) + dy s (frob_up factor_u) * norm dh (add x (scal (-1) y))).
  { rewrite (norm_ext d (mv dh B x) (add (mv dh B y) (mv dh B (add x (scal (-1) y))))).
    - eapply Rle_trans; [apply norm_add|]. apply Rplus_le_compat_l. rewrite <- Lu at 1. unfold B. eapply Rle_trans; [apply mv_bound|].
      apply Rmult_le_compat_r; [apply norm_pos|]. apply frob_up_ok; auto. lia.
    - intros i _. unfold add, mv, dot. rewrite <- sum_add. apply sum_ext. intros. unfold scal. ring. }
  set (prod := map (fun u => lincomb d u factor_v) factor_u).
  assert (Lp : length prod = d) by (unfold prod; rewrite map_length; auto).
  assert (Wp : widths d prod = true).
  { unfold widths. rewrite forallb_forall. intros r Hr. apply in_map_iff in Hr. destruct Hr as [u [<- _]]. apply Nat.eqb_eq. now apply length_lincomb. }
  assert (S4 : forall i, (i < d)%nat -> mv dh B y i = mv d (ml (s + s) prod) z i).
  { intros i Hi. unfold mv, ml at 1, prod. rewrite (nth_indep _ [] (lincomb d [] factor_v)) by (rewrite map_length; lia).
    rewrite (map_nth (fun u => lincomb d u factor_v)). set (u := nth i factor_u []).
    assert (Lui : length u = dh) by (apply widths_ok; auto; lia).
    unfold dot at 2. rewrite (sum_ext d _ (fun j => sum dh (fun l => vl s u l * (ml s factor_v l j * z j)))).
    - rewrite sum_swap. unfold dot. apply sum_ext. intros l _. rewrite sum_scal. unfold B, ml at 1. fold u. f_equal.
    - intros j _. rewrite (lincomb_ok s s d u factor_v j) by (auto; try lia; congruence). rewrite Lui. unfold dot. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. ring. }
  assert (S5 : norm d (mv dh B y) <= (dy q (spectral circuit extra) + IZR (side d d) * ulp q) * norm d z).
  { rewrite (norm_ext d _ (mv d (ml (s + s) prod) z) S4). eapply Rle_trans; [apply (norm_near d _ (mv d (ml q circuit) z))|].
    rewrite Rmult_plus_distr_r. apply Rplus_le_compat.
    - assert (Lc : length circuit = d) by (unfold circuit, rounded; rewrite map_length; auto).
      pose proof (spectral_ok q d (length (hd [] extra)) circuit extra z ltac:(lia) ltac:(congruence) (rounded_widths _ _ d prod Wp) We) as Q.
      rewrite Lc in Q. exact Q.
    - apply near_matrix; [lra|]. intros i j _ _. apply rounded_entry. lia. }
  (* together *)
  set (fu := dy s (frob_up factor_u)) in *. set (fv := dy s (frob_up factor_v)) in *. set (N := norm d z) in *.
  assert (Pfu : 0 <= fu) by (unfold fu; rewrite <- (dy_0 s); apply dy_le; [lia|apply Z.sqrt_up_nonneg]).
  assert (Ps : forall a b, 0 <= IZR (side a b)) by (intros; apply (IZR_le 0), Z.sqrt_up_nonneg).
  eapply Rle_trans; [exact S1|]. eapply Rle_trans; [exact S2|].
  apply Rle_trans with ((dy q (spectral circuit extra) + IZR (side d d) * ulp q) * N + fu * (IZR (side dh d) * e * N)
    + IZR (side d dh) * ulp s * ((fv + IZR (side dh d) * e) * N)).
  { apply Rplus_le_compat.
    - eapply Rle_trans; [exact S3|]. apply Rplus_le_compat; auto. now apply Rmult_le_compat_l.
    - apply Rmult_le_compat_l; auto. apply Rmult_le_pos; [auto|lra]. }
  replace ((dy q (spectral circuit extra) + IZR (side d d) * ulp q) * N + fu * (IZR (side dh d) * e * N) + IZR (side d dh) * ulp s * ((fv + IZR (side dh d) * e) * N))
    with ((dy q (spectral circuit extra) + IZR (side d d) * ulp q + fu * (IZR (side dh d) * dy (2 * t + 2) fuzziest) + fu * (IZR (side dh d) * ulp s)
      + IZR (side d dh) * ulp s * fv + IZR (side d dh) * ulp s * (IZR (side dh d) * dy (2 * t + 2) fuzziest) + IZR (side d dh) * ulp s * (IZR (side dh d) * ulp s)) * N) by (unfold e; ring).
  apply Rmult_le_compat_r; auto. unfold head_top. cbv zeta. fold d dh. rewrite !dy_add.
  assert (I : forall n k m, IZR n * dy k m = dy k (n * m)) by (intros; unfold dy; rewrite mult_IZR; unfold Rdiv; ring).
  rewrite !ulp_dy, !I, !Z.mul_1_r by lia. unfold fu, fv. rewrite <- !dy_mul by lia.
  repeat apply Rplus_le_compat; apply to_ok; lia.
Qed.
End OneHead.
End AttentionBound.
