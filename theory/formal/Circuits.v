(* N9, second half: what feeds the functional. The attention averages remain (their OV circuits), an MLP contributes a known number
   and a second-order remainder; hence the spread over contexts of a whole transformer. *)
From ICL Require Export Functional.
Require Import List.
Import ListNotations.

(* a bounded second derivative bounds what a tangent misses (Taylor's formula, for the activation) *)
Theorem tangent f f' f'' C u0 : (forall u, derivable_pt_lim f u (f' u)) -> (forall u, derivable_pt_lim f' u (f'' u)) ->
  (forall u, Rabs (f'' u) <= C) -> forall u, Rabs (f u - f u0 - f' u0 * (u - u0)) <= C / 2 * ((u - u0) * (u - u0)).
Proof.
  intros H1 H2 HC u. assert (L : forall v, Rabs (f' v - f' u0) <= C * Rabs (v - u0)).
  { intros v. destruct (Req_dec v u0) as [->|N]; [rewrite !Rminus_eq_0, Rabs_R0; lra|].
    destruct (Rtotal_order u0 v) as [Q|[Q|Q]]; [|congruence|].
    - destruct (MVT_cor2 f' f'' u0 v Q ltac:(intros; apply H2)) as [c [E _]]. rewrite E, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|apply HC].
    - destruct (MVT_cor2 f' f'' v u0 Q ltac:(intros; apply H2)) as [c [E _]]. rewrite <- Rabs_Ropp, Ropp_minus_distr, E, Rabs_mult.
      rewrite (Rabs_minus_sym v u0). apply Rmult_le_compat_r; [apply Rabs_pos|apply HC]. }
  assert (D : forall s v, derivable_pt_lim (fun v => f v - f' u0 * (v - u0) + s * (C / 2) * ((v - u0) * (v - u0))) v (f' v - f' u0 + s * C * (v - u0))).
  { intros s v. replace (f' v - f' u0 + s * C * (v - u0)) with ((f' v - (0 * (v - u0) + f' u0 * (1 - 0))) + (0 * ((v - u0) * (v - u0)) + s * (C / 2) * ((1 - 0) * (v - u0) + (v - u0) * (1 - 0)))) by field.
    assert (I : derivable_pt_lim (fun v => v - u0) v (1 - 0)).
    { apply (derivable_pt_lim_minus id (fct_cte u0)); [apply derivable_pt_lim_id|apply derivable_pt_lim_const]. }
    apply (derivable_pt_lim_plus (fun v => f v - f' u0 * (v - u0)) (fun v => s * (C / 2) * ((v - u0) * (v - u0)))).
    - apply (derivable_pt_lim_minus f (fun v => f' u0 * (v - u0))); auto.
      apply (derivable_pt_lim_mult (fct_cte (f' u0)) (fun v => v - u0)); auto. apply derivable_pt_lim_const.
    - apply (derivable_pt_lim_mult (fct_cte (s * (C / 2))) (fun v => (v - u0) * (v - u0))); [apply derivable_pt_lim_const|].
      apply (derivable_pt_lim_mult (fun v => v - u0) (fun v => v - u0)); auto. }
  set (F := fun s v => f v - f' u0 * (v - u0) + s * (C / 2) * ((v - u0) * (v - u0))).
  assert (E0 : forall s, F s u0 = f u0) by (intros; unfold F; ring).
  assert (C0 : 0 <= C) by (specialize (HC 0); pose proof (Rabs_pos (f'' 0)); lra).
  assert (M : f u0 <= F 1 u /\ F (-1) u <= f u0).
  { destruct (Rtotal_order u0 u) as [Q|[<-|Q]]; [|rewrite !E0; lra|].
    - split.
      + destruct (MVT_cor2 (F 1) _ u0 u Q ltac:(intros; apply D)) as [c [E Hc]]. rewrite E0 in E. specialize (L c). apply abs_inv in L.
        rewrite (Rabs_right (c - u0)) in L by lra. assert (0 <= (f' c - f' u0 + 1 * C * (c - u0)) * (u - u0)) by (apply Rmult_le_pos; lra). lra.
      + destruct (MVT_cor2 (F (-1)) _ u0 u Q ltac:(intros; apply D)) as [c [E Hc]]. rewrite E0 in E. specialize (L c). apply abs_inv in L.
        rewrite (Rabs_right (c - u0)) in L by lra. assert (0 <= - (f' c - f' u0 + -1 * C * (c - u0)) * (u - u0)) by (apply Rmult_le_pos; lra). lra.
    - split.
      + destruct (MVT_cor2 (F 1) _ u u0 Q ltac:(intros; apply D)) as [c [E Hc]]. rewrite E0 in E. specialize (L c). apply abs_inv in L.
        rewrite (Rabs_left (c - u0)) in L by lra. assert (0 <= - (f' c - f' u0 + 1 * C * (c - u0)) * (u0 - u)) by (apply Rmult_le_pos; lra). lra.
      + destruct (MVT_cor2 (F (-1)) _ u u0 Q ltac:(intros; apply D)) as [c [E Hc]]. rewrite E0 in E. specialize (L c). apply abs_inv in L.
        rewrite (Rabs_left (c - u0)) in L by lra. assert (0 <= (f' c - f' u0 + -1 * C * (c - u0)) * (u0 - u)) by (apply Rmult_le_pos; lra). lra. }
  unfold F in M. apply Rabs_le. lra.
Qed.

Section Circuits.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Local Notation P := (P d).
Local Notation LN := (LN d).
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.
Variables (w_in w g b : vec) (b0 : R).
Hypothesis w_in_pos : 0 < norm d (P w_in).
Local Notation functional := (functional d w_in w g).
Local Notation along := (along d w_in w g).

Section Far.
Variables (x r0 : R).
Hypothesis x_pos : 0 < x.
Hypothesis beyond : radius d eps r0 < x * norm d (P w_in).

(* ------------------------------------------------------------------ what the blocks feed the functional *)
Definition felt (B : block) (kap half : R) := forall h t, (exists r, (forall i, h t i = ray x w_in r i) /\ norm d (P r) <= r0) ->
  Rabs (dot d functional (update d eps B h t) - kap) <= half.

(* attention: its constant, and the averages of its OV circuits *)
Theorem attn_felt g1 c1 H hd :
  felt (Attn g1 c1 H hd) (dot d functional (fun i => sum H (fun k => mv d (VO (hd k)) c1 i + vb (hd k) i)))
    (sqrt D * sum H (fun k => norm d (P (mul g1 (transposed d (VO (hd k)) functional))))).
Proof.
  intros h t _. simpl update. set (z := fun t => LNa d eps g1 c1 (h t)). set (f := functional).
  assert (E : dot d f (att d H hd z t) - dot d f (fun i => sum H (fun k => mv d (VO (hd k)) c1 i + vb (hd k) i))
    = sum H (fun k => sum (S t) (fun j => weights (hd k) z t j * dot d (mul g1 (transposed d (VO (hd k)) f)) (LN eps (h j))))).
  { unfold dot at 1. rewrite (sum_ext d _ (fun i => 1 * sum H (fun k => sum (S t) (fun j => f i * (weights (hd k) z t j * mv d (VO (hd k)) (mul g1 (LN eps (h j))) i)))
      + 1 * (f i * sum H (fun k => mv d (VO (hd k)) c1 i + vb (hd k) i)))).
    - rewrite sum_lin. unfold dot at 1. match goal with |- 1 * ?A + 1 * ?B - ?C = _ => replace (1 * A + 1 * B - C) with A by (unfold dot; ring) end.
      rewrite sum_swap. apply sum_ext. intros k _. rewrite sum_swap. apply sum_ext. intros j _.
      rewrite (sum_ext d _ (fun i => weights (hd k) z t j * (f i * mv d (VO (hd k)) (mul g1 (LN eps (h j))) i))) by (intros; ring).
      rewrite sum_scal. fold (dot d f (mv d (VO (hd k)) (mul g1 (LN eps (h j))))). rewrite dot_mv. f_equal. apply sum_ext. intros. unfold mul. ring.
    - intros i _. unfold z at 1. rewrite (att_split d eps g1 c1 H hd h t i). fold z. rewrite Rmult_plus_distr_l, <- sum_scal, !Rmult_1_l. f_equal.
      apply sum_ext. intros k _. now rewrite <- sum_scal. }
  rewrite E. eapply Rle_trans; [apply sum_abs|]. rewrite <- sum_scal. apply sum_le. intros k Hk. rewrite Rmult_comm.
  destruct (weights_ok (hd k) z t) as [Hp Hs]. set (c := mul g1 (transposed d (VO (hd k)) f)).
  eapply Rle_trans; [apply sum_abs|]. rewrite <- (Rmult_1_r (norm d (P c) * sqrt D)), <- Hs, <- sum_scal. apply sum_le. intros j Hj.
  rewrite Rabs_mult, (Rabs_right (weights (hd k) z t j)) by (apply Rle_ge, Hp; auto). rewrite Rmult_comm. apply Rmult_le_compat_r; [now apply Hp|].
  eapply Rle_trans; [apply zero_sum_bound, LN_sum; auto|]. apply Rmult_le_compat_l; [apply norm_pos|now apply LN_norm_le].
Qed.

(* MLP: near the known input its units are tangents, with remainders (C/2) u^2 (smooth activations) or L |u| (ReLU: C = 0, s = 0) *)
Definition rad := sqrt D * sqrt (2 * (1 - cosine d eps w_in r0 x)).
Definition known_input (g1 c1 : vec) : vec := fun i => g1 i * far d w_in i + c1 i.
Definition felt_by (W2 : mat) k := dot d (fun i => W2 i k) functional.
Theorem mlp_felt g1 c1 m W1 b1 act W2 b2 (s : nat -> R) C L : 0 <= C -> 0 <= L ->
  let u0 k := dot d (W1 k) (known_input g1 c1) + b1 k in let rho k := rad * norm d (P (mul g1 (W1 k))) in
  (forall k u, (k < m)%nat -> Rabs (act u - act (u0 k) - s k * (u - u0 k)) <= C / 2 * ((u - u0 k) * (u - u0 k)) + L * Rabs (u - u0 k)) ->
  felt (Mlp g1 c1 m W1 b1 act W2 b2) (sum m (fun k => act (u0 k) * felt_by W2 k) + dot d functional b2)
    (rad * norm d (P (fun i => sum m (fun k => s k * felt_by W2 k * (g1 i * W1 k i))))
     + sum m (fun k => Rabs (felt_by W2 k) * (C / 2 * (rho k * rho k) + L * rho k))).
Proof.
  intros HC HL u0 rho Hact h t [r [Hh Hr]]. simpl update. set (z := LN eps (h t)). set (dz := fun i => 1 * z i + -1 * far d w_in i).
  assert (R0 : 0 <= rad) by (apply Rmult_le_pos; apply sqrt_pos).
  assert (Ez : forall i, (i < d)%nat -> z i = LN eps (ray x w_in r) i).
  { intros i Hi. unfold z, LayerNorm.LN, var. rewrite (dot_ext d (P (h t)) (P (h t)) (P (ray x w_in r)) (P (ray x w_in r)))
      by (intros; apply P_ext; auto). now rewrite (P_ext d (h t) (ray x w_in r) i (fun i _ => Hh i) Hi). }
  assert (Nz : norm d dz <= rad).
  { unfold rad. rewrite (norm_ext d dz (fun i => 1 * LN eps (ray x w_in r) i + -1 * far d w_in i)) by (intros; unfold dz; now rewrite Ez).
    apply ray_limit_cone; auto. }
  assert (Sz : sum d dz = 0).
  { unfold dz. rewrite sum_lin. unfold z. rewrite LN_sum by auto. unfold far. rewrite !sum_scal, sum_P by auto. ring. }
  set (u := fun k => dot d (W1 k) (LNa d eps g1 c1 (h t)) + b1 k).
  assert (Eu : forall k, u k - u0 k = dot d (mul g1 (W1 k)) dz).
  { intros k. unfold u, u0. rewrite (dot_ext d (W1 k) (LNa d eps g1 c1 (h t)) (W1 k) (fun i => 1 * known_input g1 c1 i + 1 * (g1 i * dz i))).
    - rewrite dot_lin_r. replace (dot d (mul g1 (W1 k)) dz) with (dot d (W1 k) (fun i => g1 i * dz i)) by (apply sum_ext; intros; unfold mul; ring). ring.
    - auto.
    - intros i _. unfold LNa, known_input, dz. fold z. ring. }
  assert (Bu : forall k, Rabs (u k - u0 k) <= rho k).
  { intros k. rewrite Eu. eapply Rle_trans; [apply zero_sum_bound; auto|]. unfold rho. rewrite (Rmult_comm rad).
    apply Rmult_le_compat_l; [apply norm_pos|auto]. }
  set (rem := fun k => act (u k) - act (u0 k) - s k * (u k - u0 k)).
  assert (E : dot d functional (mlp d m W1 b1 act W2 b2 (LNa d eps g1 c1 (h t))) - (sum m (fun k => act (u0 k) * felt_by W2 k) + dot d functional b2)
    = dot d (fun i => sum m (fun k => s k * felt_by W2 k * (g1 i * W1 k i))) dz + sum m (fun k => rem k * felt_by W2 k)).
  { assert (E1 : dot d functional (mlp d m W1 b1 act W2 b2 (LNa d eps g1 c1 (h t))) = sum m (fun k => act (u k) * felt_by W2 k) + dot d functional b2).
    { unfold dot at 1, mlp. rewrite (sum_ext d _ (fun i => 1 * sum m (fun k => act (u k) * (W2 i k * functional i)) + 1 * (functional i * b2 i))).
      - rewrite sum_lin, sum_swap, !Rmult_1_l. f_equal. apply sum_ext. intros k _. now rewrite sum_scal.
      - intros i _. rewrite Rmult_plus_distr_l, !Rmult_1_l, <- sum_scal. f_equal. apply sum_ext. intros k _. unfold u. ring. }
    assert (E2 : dot d (fun i => sum m (fun k => s k * felt_by W2 k * (g1 i * W1 k i))) dz = sum m (fun k => s k * (u k - u0 k) * felt_by W2 k)).
    { unfold dot at 1. rewrite (sum_ext d _ (fun i => sum m (fun k => s k * felt_by W2 k * (mul g1 (W1 k) i * dz i)))).
      - rewrite sum_swap. apply sum_ext. intros k _. rewrite sum_scal, Eu. unfold dot. ring.
      - intros i _. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. unfold mul. ring. }
    rewrite E1, E2, <- sum_add. match goal with |- ?A + ?B - (?C + ?B) = _ => replace (A + B - (C + B)) with (1 * A + -1 * C) by ring end.
    rewrite <- sum_lin. apply sum_ext. intros k _. unfold rem. ring. }
  rewrite E. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - eapply Rle_trans; [apply zero_sum_bound; auto|]. rewrite Rmult_comm. apply Rmult_le_compat_r; [apply norm_pos|auto].
  - eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros k Hk. rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_l; [apply Rabs_pos|].
    eapply Rle_trans; [apply Hact; auto|]. specialize (Bu k). pose proof (Rabs_pos (u k - u0 k)).
    assert ((u k - u0 k) * (u k - u0 k) <= rho k * rho k).
    { replace ((u k - u0 k) * (u k - u0 k)) with (Rabs (u k - u0 k) * Rabs (u k - u0 k)); [apply Rmult_le_compat; auto|].
      rewrite <- Rabs_mult. apply Rabs_right, Rle_ge. apply (Rle_0_sqr (u k - u0 k)). }
    apply Rplus_le_compat; apply Rmult_le_compat_l; lra.
Qed.

(* the whole stack: of each block its bound K (N1), what it feeds the functional and within what *)
Record fact := { K_of : R; kap_of : R; half_of : R }.
Definition holds (B : block) (q : fact) := bounded d eps B (K_of q) /\ felt B (kap_of q) (half_of q).
Definition total (p : fact -> R) (qs : list fact) := fold_right Rplus 0 (map p qs).
Lemma facts_bounded net qs : Forall2 holds net qs -> Forall2 (bounded d eps) net (map K_of qs).
Proof. induction 1 as [|B q net qs [HK _] _ IH]; constructor; auto. Qed.
Lemma total_K_pos net qs : Forall2 holds net qs -> 0 <= total K_of qs.
Proof.
  induction 1 as [|B q net qs [HK _] _ IH]; unfold total in *; simpl; [lra|].
  pose proof (HK (fun _ _ => 0) O). pose proof (norm_pos d (P (update d eps B (fun _ _ => 0) O))). lra.
Qed.
Lemma run_felt net qs : Forall2 holds net qs -> forall h t r, (forall i, h t i = ray x w_in r i) -> norm d (P r) + total K_of qs <= r0 ->
  Rabs (dot d functional (add (run d eps net h t) (scal (-1) (h t))) - total kap_of qs) <= total half_of qs.
Proof.
  induction 1 as [|B q net qs [HK HF] HN IH]; intros h t r Hh Hr; unfold total in *; simpl in *.
  - rewrite dot_sym, dot_add, dot_scal. rewrite Rabs_right; lra.
  - assert (K0 : 0 <= K_of q) by (eapply Rle_trans; [apply (norm_pos d (P (update d eps B h t)))|apply HK]).
    pose proof (total_K_pos net qs HN) as T0. unfold total in T0.
    set (h1 := fun t => add (h t) (update d eps B h t)).
    assert (F : Rabs (dot d functional (update d eps B h t) - kap_of q) <= half_of q).
    { apply HF. exists r. split; auto. lra. }
    assert (G : Rabs (dot d functional (add (run d eps net h1 t) (scal (-1) (h1 t))) - fold_right Rplus 0 (map kap_of qs)) <= fold_right Rplus 0 (map half_of qs)).
    { apply (IH h1 t (add r (update d eps B h t))).
      - intros i. unfold h1, ray, add. rewrite Hh. unfold ray. ring.
      - eapply Rle_trans; [apply Rplus_le_compat_r; now apply normP_add|]. specialize (HK h t). lra. }
    replace (dot d functional (add (run d eps net h1 t) (scal (-1) (h t))))
      with (dot d functional (update d eps B h t) + dot d functional (add (run d eps net h1 t) (scal (-1) (h1 t)))).
    + match goal with |- Rabs (?A + ?Bb - (?k + ?k')) <= _ => replace (A + Bb - (k + k')) with ((A - k) + (Bb - k')) by ring end.
      eapply Rle_trans; [apply Rabs_triang|]. lra.
    + rewrite !(dot_sym d functional), <- dot_add. apply dot_ext; auto. intros i _. unfold h1, add, scal. ring.
Qed.
End Far.

(* ------------------------------------------------------------------ N9 *)
Section Model.
Variables (b_in : vec) (pos : nat -> vec) (net : list block) (Rp x r0 : R) (qs : list fact).
Hypothesis pos_bound : forall T, norm d (P (add b_in (pos T))) <= Rp.
Hypothesis facts : Forall2 (holds x r0) net qs.
Hypothesis residual : Rp + total K_of qs <= r0.
Hypothesis x_pos : 0 < x.
Hypothesis beyond : radius d eps r0 < x * norm d (P w_in).
Let M := x * norm d (P w_in).
Definition known T := dot d functional (add b_in (pos T)) + total kap_of qs.
Definition unknown := total half_of qs.
Definition first_order T := known T / M.
Definition remainder T := (Rabs (known T) + unknown) * Rmax (/ (M - r0) - / M) (/ M - / sqrt ((M + r0) * (M + r0) + D * eps))
  + sqrt D * Rabs along * ((r0 * r0 + D * eps) / (2 * ((M - r0) * (M - r0)))).

Theorem functional_blindness c : Rabs (transformer d eps w_in b_in pos net w g b b0 x c - y_inf d w_in w g b b0 - first_order (fst c))
  <= unknown / M + remainder (fst c).
Proof.
  set (h := embed w_in b_in pos (token x c)). set (T := fst c). set (p := add b_in (pos T)).
  assert (Hh : forall i, h T i = ray x w_in p i).
  { intros i. unfold h, embed, token, ray, p, add, scal, T. destruct (Nat.eq_dec (fst c) (fst c)); [ring|lia]. }
  assert (R0 : 0 <= r0).
  { pose proof (pos_bound T). pose proof (norm_pos d (P (add b_in (pos T)))). pose proof (total_K_pos x r0 net qs facts). lra. }
  assert (A : Rabs (dot d functional (resid d eps w_in b_in pos net x c) - known T) <= unknown).
  { pose proof (run_felt x r0 net qs facts h T p) as F. unfold resid, known, unknown.
    rewrite (dot_sym d functional), dot_add, !(dot_sym d _ functional). fold h T p.
    match goal with |- Rabs (?a + ?b - (?a + ?k)) <= _ => replace (a + b - (a + k)) with (b - k) by ring end.
    apply F; auto. unfold p. specialize (pos_bound T). lra. }
  assert (B : norm d (P (resid d eps w_in b_in pos net x c)) <= r0).
  { pose proof (resid_bound d d_pos eps w_in b_in pos net (map K_of qs) Rp (facts_bounded x r0 net qs facts) pos_bound x c) as H.
    unfold Rtot in H. unfold total in residual. lra. }
  rewrite transformer_model by auto. unfold first_order, remainder. rewrite <- Rplus_assoc.
  now apply functional_enclosure.
Qed.
(* so contexts of one length are told apart by no more than the attention circuits allow, to first order *)
Theorem functional_spread c c' : fst c = fst c' ->
  Rabs (transformer d eps w_in b_in pos net w g b b0 x c - transformer d eps w_in b_in pos net w g b b0 x c')
  <= 2 * (unknown / M + remainder (fst c)).
Proof.
  intros E. pose proof (functional_blindness c) as A. pose proof (functional_blindness c') as B. rewrite <- E in B.
  apply abs_inv in A, B. apply Rabs_le. lra.
Qed.
End Model.
End Circuits.
