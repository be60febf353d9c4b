(* N4: let the value of one token before the query tend to infinity. The prediction tends to a limit like 1/value: a huge example
   loses its size, not its influence. Needs eps > 0; the constant grows by a factor (1 + L / sqrt eps) a block. *)
From ICL Require Export Cone FarQuery Lipschitz.
Require Import List FunctionalExtensionality.
Import ListNotations.

Section Saturation.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Variable eps : R.
Hypothesis eps_pos : 0 < eps.
Local Notation LN := (LN d eps).
Let eps_0 : 0 <= eps. Proof. apply Rlt_le, eps_pos. Qed.
Variables (w_in b_in : vec) (pos : nat -> vec) (net : list block) (Ks Ls : list R) (w g b : vec) (b0 Rp : R).
Hypothesis w_in_pos : 0 < norm d (P w_in).
Hypothesis pos_bound : forall T, norm d (P (add b_in (pos T))) <= Rp.
Hypothesis blocks : Forall2 (bounded d eps) net Ks.
Hypothesis lipschitz : Forall2 (steady d eps) net Ls.
Let R0 := Rp + fold_right Rplus 0 Ks.

Definition radius_k := radius d eps R0 / norm d (P w_in).                                      (* X~ *)
Definition turn U := 2 * (sqrt D * (sqrt 2 * (radius_k / U))).       (* how far apart two values beyond U can leave the normalised token *)
Lemma turned u r U : radius_k < U -> U <= u -> norm d (P r) <= R0 ->
  norm d (minus (LN (ray u w_in r)) (far d w_in)) <= turn U / 2.
Proof.
  intros HU Hu Hr. assert (X0 : 0 <= radius_k) by (apply Rmult_le_pos; [apply sqrt_pos|left; now apply Rinv_0_lt_compat]).
  assert (Bd : radius d eps R0 < u * norm d (P w_in)).
  { assert (radius_k < u) by lra. apply (Rmult_lt_compat_r (norm d (P w_in))) in H; auto. unfold radius_k, Rdiv in H. rewrite Rmult_assoc, Rinv_l in H; lra. }
  eapply Rle_trans; [apply (ray_limit_cone d d_pos eps w_in r R0 u); auto; lra|]. unfold turn.
  replace (2 * (sqrt D * (sqrt 2 * (radius_k / U))) / 2) with (sqrt D * (sqrt 2 * (radius_k / U))) by lra. apply Rmult_le_compat_l; [apply sqrt_pos|].
  pose proof (sine_01 d eps w_in R0 u Bd). eapply Rle_trans; [apply half_angle_le; lra|]. apply Rmult_le_compat_l; [apply sqrt_pos|].
  replace (sine d eps w_in R0 u) with (radius_k / u) by (unfold sine, radius_k; field; lra).
  apply Rmult_le_compat_l; auto. apply Rinv_le_contravar; lra.
Qed.

(* block by block: E is the distance of the other tokens' streams, in units of the turn *)
Fixpoint spread_over (Ls : list R) (E : R) : R := match Ls with [] => E | L :: r => spread_over r (E + L * (E / sqrt eps + 1)) end.
Lemma run_saturated k U : radius_k < U -> forall n Qs Js, Forall2 (bounded d eps) n Qs -> Forall2 (steady d eps) n Js ->
  forall E h h' u u' r r', 0 <= E -> U <= u -> U <= u' -> h k = ray u w_in r -> h' k = ray u' w_in r' ->
  norm d (P r) + fold_right Rplus 0 Qs <= R0 -> norm d (P r') + fold_right Rplus 0 Qs <= R0 ->
  (forall s, s <> k -> norm d (P (minus (h s) (h' s))) <= E * turn U) ->
  forall t, t <> k -> norm d (P (minus (run d eps n h t) (run d eps n h' t))) <= spread_over Js E * turn U.
Proof.
  intros HU. assert (X0 : 0 <= radius_k) by (apply Rmult_le_pos; [apply sqrt_pos|left; now apply Rinv_0_lt_compat]).
  assert (T0 : 0 <= turn U).
  { assert (Q : 0 <= radius_k / U) by (apply Rmult_le_pos; [auto|left; apply Rinv_0_lt_compat; lra]).
    unfold turn. apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [apply sqrt_pos|]. apply Rmult_le_pos; [apply sqrt_pos|auto]. }
  pose proof (sqrt_lt_R0 eps eps_pos) as Se.
  induction n as [|B n IH]; intros Qs Js HQ HJ E h h' u u' r r' HE Hu Hu' Hk Hk' Hr Hr' Hs t Ht; inversion HQ as [|? K ? Qs' HB HQ' E1 E2]; subst; inversion HJ as [|? L ? Js' [L0 HL] HJ' E1 E2]; subst; simpl.
  - now apply Hs.
  - simpl in Hr, Hr'. assert (K0 : 0 <= K) by (eapply Rle_trans; [apply (norm_pos d (P (update d eps B h t)))|apply HB]).
    assert (S0 : 0 <= fold_right Rplus 0 Qs').
    { clear - HQ' d_pos. induction HQ' as [|B K n Qs HB _ IH]; simpl; [lra|]. pose proof (HB (fun _ _ => 0) O). pose proof (norm_pos d (P (update d eps B (fun _ _ => 0) O))). lra. }
    assert (Z : forall s, norm d (minus (LN (h s)) (LN (h' s))) <= (E / sqrt eps + 1) * turn U).
    { intros s. destruct (Nat.eq_dec s k) as [->|N].
      - rewrite Hk, Hk'. pose proof (turned u r U HU Hu ltac:(lra)) as A. pose proof (turned u' r' U HU Hu' ltac:(lra)) as A'.
        rewrite (norm_ext d _ (add (minus (LN (ray u w_in r)) (far d w_in)) (scal (-1) (minus (LN (ray u' w_in r')) (far d w_in))))) by (intros; unfold minus, add, scal; ring).
        eapply Rle_trans; [apply norm_add|]. rewrite norm_scal, Rabs_left by lra.
        assert (0 <= E / sqrt eps) by (apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]). nra.
      - eapply Rle_trans; [now apply LN_lipschitz_eps|]. rewrite Rmult_plus_distr_r. specialize (Hs s N).
        apply Rle_trans with (E * turn U / sqrt eps); [unfold Rdiv; apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|exact Hs]|].
        replace (E / sqrt eps * turn U) with (E * turn U / sqrt eps) by (field; lra). lra. }
    assert (E' : 0 <= E + L * (E / sqrt eps + 1)).
    { assert (0 <= E / sqrt eps) by (apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]). assert (0 <= L * (E / sqrt eps + 1)) by (apply Rmult_le_pos; lra). lra. }
    apply (IH Qs' Js' HQ' HJ' _ _ _ u u' (add r (update d eps B h k)) (add r' (update d eps B h' k)) E' Hu Hu'); auto.
    + rewrite Hk at 1. apply functional_extensionality. intros i. unfold ray, add. ring.
    + rewrite Hk' at 1. apply functional_extensionality. intros i. unfold ray, add. ring.
    + eapply Rle_trans; [apply Rplus_le_compat_r; now apply normP_add|]. specialize (HB h k). lra.
    + eapply Rle_trans; [apply Rplus_le_compat_r; now apply normP_add|]. specialize (HB h' k). lra.
    + intros s N. rewrite (normP_ext d _ _ (fun i _ => minus_add _ _ _ _ i)). eapply Rle_trans; [now apply normP_add|].
      rewrite Rmult_plus_distr_r. apply Rplus_le_compat; [now apply Hs|]. rewrite Rmult_assoc. apply HL. auto.
Qed.

(* the prompt z with value u at position k; the query is at another position T *)
Definition with_value (z : nat -> R) k u : nat -> R := fun t => if Nat.eq_dec t k then u else z t.
Definition answer z k T u := readout d eps w g b b0 (run d eps net (embed w_in b_in pos (with_value z k u)) T).
Definition saturation := norm d (P (mul g w)) / sqrt eps * spread_over Ls 0 * (2 * (sqrt D * (sqrt 2 * radius_k))).
Theorem value_cauchy z k T u u' U : T <> k -> radius_k < U -> U <= u -> U <= u' -> Rabs (answer z k T u - answer z k T u') <= saturation / U.
Proof.
  intros HT HU Hu Hu'. pose proof (sqrt_lt_R0 eps eps_pos) as Se.
  assert (X0 : 0 <= radius_k) by (apply Rmult_le_pos; [apply sqrt_pos|left; now apply Rinv_0_lt_compat]).
  unfold answer. eapply Rle_trans; [now apply readout_steady|].
  replace (saturation / U) with (norm d (P (mul g w)) * (spread_over Ls 0 * turn U / sqrt eps)) by (unfold saturation, turn; field; lra).
  apply Rmult_le_compat_l; [apply norm_pos|]. unfold Rdiv. apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|].
  apply (run_saturated k U HU net Ks Ls blocks lipschitz 0 _ _ u u' (add b_in (pos k)) (add b_in (pos k))); auto; try lra.
  - apply functional_extensionality. intros i. unfold embed, ray, add, scal, with_value. destruct (Nat.eq_dec k k); [ring|lia].
  - apply functional_extensionality. intros i. unfold embed, ray, add, scal, with_value. destruct (Nat.eq_dec k k); [ring|lia].
  - unfold R0. specialize (pos_bound k). lra.
  - unfold R0. specialize (pos_bound k). lra.
  - intros s N. rewrite (normP_ext d _ (scal 0 w_in)).
    + rewrite normP_scal, Rabs_R0 by auto. lra.
    + intros i _. unfold minus, embed, add, scal, with_value. destruct (Nat.eq_dec s k); [congruence|ring].
Qed.
Theorem value_limit z k T : T <> k -> exists y, forall u, radius_k < u -> Rabs (answer z k T u - y) <= saturation / u.
Proof.
  intros HT. assert (X0 : 0 <= radius_k) by (apply Rmult_le_pos; [apply sqrt_pos|left; now apply Rinv_0_lt_compat]).
  assert (C : Cauchy_crit (fun n => answer z k T (INR n))).
  { intros e He. set (S0 := Rabs saturation). assert (0 <= S0 / e) by (apply Rmult_le_pos; [apply Rabs_pos|left; now apply Rinv_0_lt_compat]).
    destruct (archimed (radius_k + 1 + S0 / e)) as [Ar _]. set (N := Z.to_nat (up (radius_k + 1 + S0 / e))).
    assert (HN : radius_k + 1 + S0 / e < INR N).
    { unfold N. rewrite INR_IZR_INZ, Z2Nat.id; auto. apply le_IZR. lra. }
    exists N. intros n m Hn Hm. apply le_INR in Hn, Hm. unfold R_dist.
    eapply Rle_lt_trans; [apply (value_cauchy z k T _ _ (INR N)); auto; lra|].
    apply Rmult_lt_reg_r with (INR N); [lra|]. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. pose proof (Rle_abs saturation). fold S0 in H0.
    assert (Q : S0 / e < INR N) by lra. apply (Rmult_lt_compat_r e) in Q; auto. unfold Rdiv in Q. rewrite Rmult_assoc, Rinv_l in Q by lra. lra. }
  destruct (R_complete _ C) as [y Hy]. exists y. intros u Hu. apply le_epsilon. intros e He. destruct (Hy e He) as [N HN].
  destruct (archimed u) as [Ar _]. set (n := Nat.max N (Z.to_nat (up u))). specialize (HN n (Nat.le_max_l _ _)). unfold R_dist in HN.
  assert (Hn : u <= INR n).
  { apply Rle_trans with (INR (Z.to_nat (up u))); [|apply le_INR, Nat.le_max_r]. rewrite INR_IZR_INZ, Z2Nat.id; [lra|]. apply le_IZR. lra. }
  pose proof (value_cauchy z k T u (INR n) u HT Hu (Rle_refl u) Hn) as V.
  replace (answer z k T u - y) with ((answer z k T u - answer z k T (INR n)) + (answer z k T (INR n) - y)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.
End Saturation.

(* for all weights *)
Theorem every_value_saturates d eps w_in b_in pos net w g b b0 Rp z k T : (0 < d)%nat -> 0 < eps -> 0 < norm d (P d w_in) ->
  (forall T, norm d (P d (add b_in (pos T))) <= Rp) -> Forall ok net -> Forall (soft d) net -> T <> k ->
  exists y C X, forall u, X < u -> Rabs (answer d eps w_in b_in pos net w g b b0 z k T u - y) <= C / u.
Proof.
  intros Hd He Hw Hp Hok Hs HT. destruct (net_bounded d Hd eps ltac:(lra) net Hok) as [Ks HK]. destruct (net_steady d Hd eps ltac:(lra) net Hs) as [Ls HL].
  destruct (value_limit d Hd eps He w_in b_in pos net Ks Ls w g b b0 Rp Hw Hp HK HL z k T HT) as [y Hy].
  exists y, (saturation d eps w_in Ks Ls w g Rp), (radius_k d eps w_in Ks Rp). exact Hy.
Qed.
(* to -infinity: the model with -w_in reads the negated tokens the same way *)
Theorem value_limit_left d eps w_in b_in pos net Ks Ls w g b b0 Rp z k T : (0 < d)%nat -> 0 < eps -> 0 < norm d (P d w_in) ->
  (forall T, norm d (P d (add b_in (pos T))) <= Rp) -> Forall2 (Blocks.bounded d eps) net Ks -> Forall2 (steady d eps) net Ls -> T <> k ->
  exists y, forall u, radius_k d eps w_in Ks Rp < u ->
    Rabs (answer d eps w_in b_in pos net w g b b0 z k T (- u) - y) <= saturation d eps w_in Ks Ls w g Rp / u.
Proof.
  intros Hd He Hw Hp HK HL HT. assert (N : norm d (P d (scal (-1) w_in)) = norm d (P d w_in)) by (rewrite normP_scal, Rabs_left by (auto; lra); ring).
  assert (E1 : radius_k d eps (scal (-1) w_in) Ks Rp = radius_k d eps w_in Ks Rp) by (unfold radius_k; now rewrite N).
  assert (E2 : saturation d eps (scal (-1) w_in) Ks Ls w g Rp = saturation d eps w_in Ks Ls w g Rp) by (unfold saturation; now rewrite E1).
  destruct (value_limit d Hd eps He (scal (-1) w_in) b_in pos net Ks Ls w g b b0 Rp ltac:(now rewrite N) Hp HK HL (fun t => - z t) k T HT) as [y Hy].
  exists y. intros u Hu. rewrite <- E1 in Hu. specialize (Hy u Hu). rewrite E2 in Hy.
  replace (answer d eps w_in b_in pos net w g b b0 z k T (- u)) with (answer d eps (scal (-1) w_in) b_in pos net w g b b0 (fun t => - z t) k T u); auto.
  unfold answer. do 2 f_equal. apply functional_extensionality. intros s. apply functional_extensionality. intros i.
  unfold embed, add, scal, with_value. destruct (Nat.eq_dec s k); ring.
Qed.
