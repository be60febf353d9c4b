(* N5 far out: beyond the blindness radius the prediction's slope in the query falls like 1/x^2, with the Lipschitz constants of the
   blocks entering only through factors (1 + sqrt d L / D1) that tend to 1. Holds for eps = 0 as well: the query is the last token. *)
From ICL Require Export Cone Lipschitz.
Require Import List FunctionalExtensionality.
Import ListNotations.

(* two directions, compared after scaling one of the vectors *)
Lemma unit_gap n m m' lam D1 : 0 < D1 -> 0 < lam -> D1 <= norm n m -> D1 <= lam * norm n m' ->
  norm n (fun i => / norm n m * m i + - / norm n m' * m' i) <= norm n (fun i => 1 * m i + - lam * m' i) / D1.
Proof.
  intros HD Hl Hm Hm'. set (a := norm n m) in *. set (c := norm n m') in *. assert (0 < c) by nra.
  apply sq_le; [apply Rmult_le_pos; [apply norm_pos|left; now apply Rinv_0_lt_compat]|].
  replace (norm n (fun i => 1 * m i + - lam * m' i) / D1 * (norm n (fun i => 1 * m i + - lam * m' i) / D1))
    with (norm n (fun i => 1 * m i + - lam * m' i) * norm n (fun i => 1 * m i + - lam * m' i) * / (D1 * D1)) by (field; lra).
  rewrite !norm_sq, !dot_comb, <- !norm_sq. fold a c. set (q := dot n m m').
  replace (/ a * / a * (a * a) + 2 * / a * - / c * q + - / c * - / c * (c * c)) with (2 - 2 * q * / (a * c)) by (field; lra).
  assert (S : 0 <= 2 * (a * c) - 2 * q).
  { pose proof (cauchy_norm n m m') as C. fold a c q in C. pose proof (Rle_abs q). lra. }
  assert (I : 0 < / (D1 * D1)) by (apply Rinv_0_lt_compat; nra).
  apply Rle_trans with (lam * (2 * (a * c) - 2 * q) * / (D1 * D1)).
  - replace (2 - 2 * q * / (a * c)) with ((2 * (a * c) - 2 * q) * / (a * c)) by (field; lra).
    replace (lam * (2 * (a * c) - 2 * q) * / (D1 * D1)) with ((2 * (a * c) - 2 * q) * (lam / (D1 * D1))) by (field; lra). apply Rmult_le_compat_l; auto.
    apply Rmult_le_reg_r with (a * c); [apply Rmult_lt_0_compat; lra|]. rewrite Rinv_l by nra.
    apply Rmult_le_reg_r with (D1 * D1); [nra|]. replace (lam / (D1 * D1) * (a * c) * (D1 * D1)) with (a * (lam * c)) by (field; lra).
    rewrite Rmult_1_l. apply Rmult_le_compat; lra.
  - apply Rmult_le_compat_r; [lra|]. pose proof (Rle_0_sqr (a - lam * c)) as Q. unfold Rsqr in Q. nra.
Qed.

Section SlopeCap.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.
Local Notation LN := (LN d eps).

Lemma LN_same h h' : norm d (P (minus h h')) = 0 -> norm d (minus (LN h) (LN h')) = 0.
Proof.
  intros H. assert (E : forall i, (i < d)%nat -> P h i = P h' i).
  { intros i Hi. pose proof (coord_le_norm d (P (minus h h')) i Hi) as C. rewrite H in C. unfold minus in C. rewrite P_lin in C by auto.
    apply abs_inv in C. lra. }
  assert (V : var d h = var d h') by (unfold var; f_equal; apply dot_ext; auto).
  rewrite (norm_ext d _ (fun _ => 0)); [unfold norm, dot; rewrite sum_const, Rmult_0_l, Rmult_0_r; apply sqrt_0|].
  intros i Hi. unfold minus, LayerNorm.LN. rewrite V, E by auto. ring.
Qed.
Lemma LN_raised h i : (i < d)%nat -> 0 < var d h + eps ->
  let m := raised d (P h) (sqrt (D * eps)) in LN h i = sqrt D * (/ norm (S d) m * m i).
Proof.
  intros Hi Hv m. assert (De : sqrt (D * eps) * sqrt (D * eps) = D * eps) by (apply sqrt_sqrt; nra).
  assert (N : norm (S d) m = sqrt D * sqrt (var d h + eps)).
  { unfold norm, m. rewrite dot_raised, De, dot_var by auto. rewrite <- sqrt_mult_alt by lra. f_equal. ring. }
  rewrite N. unfold m, raised. destruct (Nat.ltb_spec i d); [|lia]. unfold LayerNorm.LN. pose proof (sqrt_lt_R0 D D_pos). pose proof (sqrt_lt_R0 _ Hv). field. lra.
Qed.

Variables (w_in : vec) (R0 x x' : R).
Hypothesis w_in_pos : 0 < norm d (P w_in).
Hypothesis x_order : 0 < x <= x'.
Definition D1 := x * norm d (P w_in) - R0.
Hypothesis far_enough : 0 < D1.
Hypothesis R0_pos : 0 <= R0.
Theorem ray_difference r r' : norm d (P r) <= R0 -> norm d (P r') <= R0 ->
  norm d (minus (LN (ray x w_in r)) (LN (ray x' w_in r'))) <= sqrt D * ((norm d (P (minus r r')) + (x' - x) * (radius d eps R0 / x')) / D1).
Proof.
  intros Hr Hr'. set (m1 := norm d (P w_in)) in *. set (q := sqrt (D * eps)). assert (De : q * q = D * eps) by (apply sqrt_sqrt; nra).
  set (h := ray x w_in r). set (h' := ray x' w_in r'). set (m := raised d (P h) q). set (m' := raised d (P h') q). set (lam := x / x').
  assert (Lam : 0 < lam <= 1).
  { unfold lam. split; [apply Rmult_lt_0_compat; [lra|apply Rinv_0_lt_compat; lra]|]. apply Rmult_le_reg_r with x'; [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  assert (Up : forall (u : vec) (s : R), norm d u <= norm (S d) (raised d u s)) .
  { intros u s. apply sqrt_le_1_alt. rewrite dot_raised by auto. pose proof (Rle_0_sqr s). unfold Rsqr in *. lra. }
  assert (Len : forall y (s : vec), 0 < y -> norm d (P s) <= R0 -> y * m1 - R0 <= norm d (P (ray y w_in s))).
  { intros y s Hy Hs. rewrite (norm_ext d (P (ray y w_in s)) (add (scal y (P w_in)) (P s))) by (intros; apply P_ray; auto).
    pose proof (norm_sub_ge d (scal y (P w_in)) (P s)) as G. rewrite norm_scal, Rabs_right in G by lra. fold m1 in G. lra. }
  assert (Hm : D1 <= norm (S d) m) by (eapply Rle_trans; [apply (Len x r); auto; lra|apply Up]).
  assert (Hm' : D1 <= lam * norm (S d) m').
  { apply Rle_trans with (lam * (x' * m1 - R0)).
    - unfold D1. fold m1. replace (lam * (x' * m1 - R0)) with (x * m1 - lam * R0) by (unfold lam; field; lra). nra.
    - apply Rmult_le_compat_l; [lra|]. eapply Rle_trans; [apply (Len x' r'); auto; lra|apply Up]. }
  assert (V : forall y s, 0 < y -> norm d (P s) <= R0 -> 0 < y * m1 - R0 -> 0 < var d (ray y w_in s) + eps).
  { intros y s Hy Hs Hp. pose proof (Len y s Hy Hs) as G. rewrite var_norm in G by auto. pose proof (var_pos d d_pos (ray y w_in s)) as V0.
    destruct (Rle_lt_or_eq_dec _ _ V0) as [|Z]; [lra|]. rewrite <- Z, sqrt_0 in G. lra. }
  assert (Vh : 0 < var d h + eps) by (apply (V x r); [lra|auto|exact far_enough]).
  assert (Vh' : 0 < var d h' + eps) by (apply (V x' r'); [lra|auto|]; unfold D1 in far_enough; fold m1 in far_enough; nra).
  pose proof (unit_gap (S d) m m' lam D1 far_enough (proj1 Lam) Hm Hm') as G.
  rewrite (norm_ext d _ (scal (sqrt D) (fun i => / norm (S d) m * m i + - / norm (S d) m' * m' i))).
  2:{ intros i Hi. unfold minus. rewrite (LN_raised h i Hi Vh), (LN_raised h' i Hi Vh'). fold q m m'. unfold scal. ring. }
  rewrite norm_scal, Rabs_right by (apply Rle_ge, sqrt_pos). apply Rmult_le_compat_l; [apply sqrt_pos|].
  apply Rle_trans with (norm (S d) (fun i => / norm (S d) m * m i + - / norm (S d) m' * m' i)).
  { apply sqrt_le_1_alt. unfold dot. simpl sum. set (t := / norm (S d) m * m d + - / norm (S d) m' * m' d). pose proof (Rle_0_sqr t) as Q. unfold Rsqr in Q. lra. }
  eapply Rle_trans; [exact G|]. apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|].
  rewrite (norm_ext (S d) _ (add (raised d (P (minus r r')) 0) (scal (1 - lam) (raised d (P r') q)))).
  - eapply Rle_trans; [apply norm_add|]. apply Rplus_le_compat.
    + right. unfold norm. f_equal. rewrite dot_raised by auto. ring.
    + rewrite norm_scal, Rabs_right by lra. replace ((x' - x) * (radius d eps R0 / x')) with ((1 - lam) * radius d eps R0) by (unfold lam; field; lra).
      apply Rmult_le_compat_l; [lra|]. apply sqrt_le_1_alt. rewrite dot_raised, De, <- norm_sq by auto. pose proof (norm_pos d (P r')). nra.
  - intros i _. unfold m, m', add, scal, raised. destruct (i <? d)%nat.
    + unfold h, h'. rewrite !P_ray by auto. unfold minus. rewrite P_lin by auto. unfold add, scal, lam. field. lra.
    + ring.
Qed.

Definition growth_far (Ls : list R) := fold_right (fun L p => (1 + sqrt D * L / D1) * p) 1 Ls.
Variables (b_in : vec) (pos : nat -> vec) (net : list block) (Ks Ls : list R) (w g b : vec) (b0 Rp : R).
Hypothesis pos_bound : forall T, norm d (P (add b_in (pos T))) <= Rp.
Hypothesis blocks : Forall2 (Blocks.bounded d eps) net Ks.
Hypothesis lipschitz : Forall2 (steady d eps) net Ls.
Hypothesis R0_is : R0 = Rp + fold_right Rplus 0 Ks.
Let tilt := (x' - x) * (radius d eps R0 / x').
(* the residuals of the two queries separate by at most the growth; the other tokens' streams do not move at all *)
Lemma run_far T : forall n Qs Js, Forall2 (Blocks.bounded d eps) n Qs -> Forall2 (steady d eps) n Js ->
  forall h h' r r' E, h T = ray x w_in r -> h' T = ray x' w_in r' ->
  norm d (P r) + fold_right Rplus 0 Qs <= R0 -> norm d (P r') + fold_right Rplus 0 Qs <= R0 ->
  (forall s, (s < T)%nat -> norm d (P (minus (h s) (h' s))) = 0) -> norm d (P (minus r r')) + tilt <= E ->
  exists p p', run d eps n h T = ray x w_in p /\ run d eps n h' T = ray x' w_in p' /\ norm d (P p) <= R0 /\ norm d (P p') <= R0 /\
    norm d (P (minus p p')) + tilt <= growth_far Js * E.
Proof.
  pose proof (sqrt_pos D) as SD. assert (T0 : 0 <= tilt).
  { unfold tilt. apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [apply sqrt_pos|left; apply Rinv_0_lt_compat; lra]. }
  induction n as [|B n IH]; intros Qs Js HQ HJ h h' r r' E Hh Hh' Hr Hr' Hs HE;
    inversion HQ as [|? K ? Qs' HB HQ' E1 E2]; subst Qs; inversion HJ as [|? L ? Js' [L0 HL] HJ' E3 E4]; subst Js; simpl.
  - exists r, r'. simpl in *. repeat split; auto; lra.
  - simpl in Hr, Hr'. assert (K0 : 0 <= K) by (eapply Rle_trans; [apply (norm_pos d (P (update d eps B h T)))|apply HB]).
    assert (S0 : 0 <= fold_right Rplus 0 Qs').
    { clear - HQ'. induction HQ' as [|B K n Qs HB _ IH]; simpl; [lra|]. pose proof (HB (fun _ _ => 0) O). pose proof (norm_pos d (P (update d eps B (fun _ _ => 0) O))). lra. }
    assert (Z : norm d (minus (LN (h T)) (LN (h' T))) <= sqrt D * (E / D1)).
    { rewrite Hh, Hh'. eapply Rle_trans; [apply ray_difference; lra|]. apply Rmult_le_compat_l; auto. fold tilt.
      unfold Rdiv. apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|auto]. }
    assert (E0 : 0 <= E) by (pose proof (norm_pos d (P (minus r r'))); lra).
    assert (Z0 : 0 <= sqrt D * (E / D1)) by (apply Rmult_le_pos; [auto|apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]]).
    replace ((1 + sqrt D * L / D1) * growth_far Js' * E) with (growth_far Js' * (E + L * (sqrt D * (E / D1)))) by (field; lra).
    apply (IH Qs' Js' HQ' HJ' _ _ (add r (update d eps B h T)) (add r' (update d eps B h' T))).
    + rewrite Hh at 1. apply functional_extensionality. intros i. unfold ray, add. ring.
    + rewrite Hh' at 1. apply functional_extensionality. intros i. unfold ray, add. ring.
    + eapply Rle_trans; [apply Rplus_le_compat_r; now apply normP_add|]. specialize (HB h T). lra.
    + eapply Rle_trans; [apply Rplus_le_compat_r; now apply normP_add|]. specialize (HB h' T). lra.
    + intros s Hlt. apply Rle_antisym; [|apply norm_pos]. rewrite (normP_ext d _ _ (fun i _ => minus_add _ _ _ _ i)).
      eapply Rle_trans; [now apply normP_add|]. rewrite Hs by auto.
      specialize (HL h h' s 0). rewrite Rmult_0_r in HL. enough (norm d (P (minus (update d eps B h s) (update d eps B h' s))) <= 0) by lra.
      apply HL. intros j Hj. right. apply LN_same, Hs. lia.
    + rewrite (normP_ext d _ _ (fun i _ => minus_add _ _ _ _ i)).
      enough (norm d (P (minus (update d eps B h T) (update d eps B h' T))) <= L * (sqrt D * (E / D1))).
      { eapply Rle_trans; [apply Rplus_le_compat_r; now apply normP_add|]. lra. }
      apply HL. intros j Hj. destruct (Nat.eq_dec j T) as [->|]; [auto|]. rewrite (LN_same _ _ (Hs j ltac:(lia))). auto.
Qed.
Theorem slope_cap c : let y u := transformer d eps w_in b_in pos net w g b b0 u c in
  Rabs (y x - y x') <= ceil d w g * (radius d eps R0 / x') * growth_far Ls / D1 * (x' - x).
Proof.
  intros y. set (T := fst c). set (p0 := add b_in (pos T)).
  assert (Hp0 : norm d (P p0) + fold_right Rplus 0 Ks <= R0) by (rewrite R0_is; specialize (pos_bound T); unfold p0; lra).
  assert (Zero : forall u, norm d (P (minus u u)) = 0).
  { intros u. rewrite (normP_ext d _ (scal 0 u)) by (intros; unfold minus, scal; ring). rewrite normP_scal, Rabs_R0 by auto. ring. }
  destruct (run_far T net Ks Ls blocks lipschitz (embed w_in b_in pos (token x c)) (embed w_in b_in pos (token x' c)) p0 p0 tilt) as [p [p' [Ep [Ep' [Np [Np' Dp]]]]]]; auto.
  - apply functional_extensionality. intros i. unfold embed, ray, add, scal, token, p0, T. destruct (Nat.eq_dec (fst c) (fst c)); [unfold add; ring|lia].
  - apply functional_extensionality. intros i. unfold embed, ray, add, scal, token, p0, T. destruct (Nat.eq_dec (fst c) (fst c)); [unfold add; ring|lia].
  - intros s Hs. unfold embed, token. fold T. destruct (Nat.eq_dec s T); [lia|]. apply Zero.
  - rewrite Zero. lra.
  - pose proof (readout_dot d d_pos eps w g b b0 (ray x w_in p)) as A. pose proof (readout_dot d d_pos eps w g b b0 (ray x' w_in p')) as B.
    unfold y, transformer. fold T. rewrite Ep, Ep'.
    replace (readout d eps w g b b0 (ray x w_in p) - readout d eps w g b b0 (ray x' w_in p'))
      with (dot d (P (mul g w)) (minus (LN (ray x w_in p)) (LN (ray x' w_in p')))) by (unfold minus; rewrite dot_lin_r; lra).
    eapply Rle_trans; [apply cauchy_norm|].
    replace (ceil d w g * (radius d eps R0 / x') * growth_far Ls / D1 * (x' - x)) with (norm d (P (mul g w)) * (sqrt D * (growth_far Ls * tilt / D1)))
      by (unfold ceil, tilt; field; lra).
    apply Rmult_le_compat_l; [apply norm_pos|]. eapply Rle_trans; [apply ray_difference; auto|]. fold tilt. apply Rmult_le_compat_l; [apply sqrt_pos|].
    unfold Rdiv. apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|auto].
Qed.
End SlopeCap.
