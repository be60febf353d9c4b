(* L2: the ceiling of LayerNorm + linear readout, attained at eps = 0 and the supremum for eps > 0. L3: short residuals.
   The ceilings of RMSNorm and DyT. *)
From ICL Require Export LayerNorm.

Section Ceiling.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Local Notation LN := (LN d).
Local Notation var := (var d).

Definition readout eps (w g b : vec) (b0 : R) (h : vec) := dot d w (LNa d eps g b h) + b0.
Definition centre (w b : vec) (b0 : R) := b0 + dot d w b.
Definition ceil (w g : vec) := sqrt D * norm d (P (mul g w)).

Lemma readout_dot eps w g b b0 h :
  readout eps w g b b0 h - centre w b b0 = dot d (P (mul g w)) (LN eps h).
Proof.
  rewrite dot_sym, dot_P by apply LN_sum, d_pos. unfold readout, centre, LNa, dot, mul.
  rewrite (sum_ext d (fun i => w i * (g i * LN eps h i + b i))
    (fun i => 1 * (LN eps h i * (g i * w i)) + 1 * (w i * b i))) by (intros; ring).
  rewrite sum_lin. ring.
Qed.

Lemma LN_norm_pos_le eps h : 0 <= eps -> 0 <= norm d (LN eps h) <= sqrt D.
Proof. intros. split; [apply norm_pos|]. now apply LN_norm_le. Qed.

(* ------------------------------------------------------------------ L2 *)
Theorem ceiling eps w g b b0 h : 0 <= eps ->
  Rabs (readout eps w g b b0 h - centre w b b0) <= ceil w g.
Proof.
  intros He. rewrite readout_dot. eapply Rle_trans; [apply cauchy_norm|]. unfold ceil.
  rewrite Rmult_comm. apply Rmult_le_compat_r; [apply norm_pos|]. now apply LN_norm_le.
Qed.

Theorem ceiling_strict eps w g b b0 h : 0 < eps -> 0 < norm d (P (mul g w)) ->
  Rabs (readout eps w g b b0 h - centre w b b0) < ceil w g.
Proof.
  intros He Hp. rewrite readout_dot. eapply Rle_lt_trans; [apply cauchy_norm|]. unfold ceil.
  rewrite Rmult_comm. apply Rmult_lt_compat_r; auto. now apply LN_norm_lt.
Qed.

(* value at the witness h = gamma*w, any eps *)
Lemma witness_value eps w g b b0 : 0 <= eps -> 0 < var (mul g w) ->
  readout eps w g b b0 (mul g w) - centre w b b0
  = ceil w g * sqrt (var (mul g w) / (var (mul g w) + eps)).
Proof.
  intros He Hv. rewrite readout_dot. unfold ceil, LayerNorm.LN. set (v := mul g w) in *.
  unfold dot. rewrite (sum_ext d _ (fun i => / sqrt (var v + eps) * (P v i * P v i))) by (intros; unfold Rdiv; ring).
  rewrite sum_scal. fold (dot d (P v) (P v)). rewrite dot_var, var_norm, sqrt_div_alt by (auto; lra).
  pose proof (sqrt_lt_R0 (var v + eps) ltac:(lra)).
  replace (sqrt D * (sqrt D * sqrt (var v)) * (sqrt (var v) / sqrt (var v + eps)))
    with ((sqrt D * sqrt D) * (sqrt (var v) * sqrt (var v)) / sqrt (var v + eps)) by (field; lra).
  rewrite !sqrt_sqrt by lra. field. lra.
Qed.

Theorem ceiling_attained w g b b0 :
  readout 0 w g b b0 (mul g w) = centre w b b0 + ceil w g.
Proof.
  destruct (Req_dec (var (mul g w)) 0) as [E|E].
  - assert (C : ceil w g = 0) by (unfold ceil; rewrite var_norm, E, sqrt_0 by auto; ring).
    pose proof (ceiling 0 w g b b0 (mul g w) (Rle_refl 0)) as H. rewrite C in *.
    pose proof (Rabs_pos (readout 0 w g b b0 (mul g w) - centre w b b0)).
    destruct (Req_dec (readout 0 w g b b0 (mul g w) - centre w b b0) 0) as [Z|Z]; [lra|].
    apply Rabs_pos_lt in Z. lra.
  - pose proof (var_pos d d_pos (mul g w)) as Hs0.
    assert (Hs : 0 < var (mul g w)) by (destruct (Rle_lt_or_eq_dec 0 _ Hs0); [auto|congruence]).
    pose proof (witness_value 0 w g b b0 (Rle_refl 0) Hs) as H1.
    rewrite Rplus_0_r in H1. unfold Rdiv in H1. rewrite Rinv_r, sqrt_1 in H1 by auto. lra.
Qed.

(* the other end: h = -gamma*w *)
Lemma readout_neg eps w g b b0 h :
  readout eps w g b b0 (scal (-1) h) - centre w b b0 = - (readout eps w g b b0 h - centre w b b0).
Proof.
  rewrite !readout_dot. unfold dot. replace (- sum d (fun i => P (mul g w) i * LN eps h i)) with (-1 * sum d (fun i => P (mul g w) i * LN eps h i)) by ring.
  rewrite <- sum_scal. apply sum_ext. intros i _.
  assert (E : forall i, P (scal (-1) h) i = - P h i).
  { intros k. unfold LayerNorm.P, mean, scal. rewrite sum_scal. field. lra. }
  unfold LayerNorm.LN. rewrite E. assert (V : var (scal (-1) h) = var h).
  { unfold LayerNorm.var. rewrite (dot_ext d _ _ (scal (-1) (P h)) (scal (-1) (P h))) by (intros; rewrite E; unfold scal; ring).
    rewrite dot_scal, dot_sym, dot_scal. field. lra. }
  rewrite V. unfold Rdiv. ring.
Qed.
Theorem floor_attained w g b b0 :
  readout 0 w g b b0 (scal (-1) (mul g w)) = centre w b b0 - ceil w g.
Proof. pose proof (readout_neg 0 w g b b0 (mul g w)). pose proof (ceiling_attained w g b b0). lra. Qed.

(* eps > 0: the ceiling is the supremum, approached along h = t gamma*w *)
Lemma sqrt_ge_self x : 0 <= x <= 1 -> x <= sqrt x.
Proof. intros. apply sq_le; [apply sqrt_pos|]. rewrite sqrt_sqrt by lra. nra. Qed.
Lemma ratio_ge s e : 0 < s -> 0 <= e -> 1 - e / s <= s / (s + e).
Proof.
  intros. assert (E : s / (s + e) - (1 - e / s) = e * e * / (s * (s + e))) by (field; lra).
  assert (0 < / (s * (s + e))) by (apply Rinv_0_lt_compat; nra). nra.
Qed.
Lemma ratio_01 s e : 0 < s -> 0 <= e -> 0 <= s / (s + e) <= 1.
Proof.
  intros. split; [apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]|].
  apply Rmult_le_reg_r with (s + e); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.

Lemma ray_value eps w g b b0 t : 0 <= eps -> 0 < t -> 0 < var (mul g w) ->
  ceil w g * (1 - eps / (t * t) / var (mul g w)) <=
  readout eps w g b b0 (fun i => t * mul g w i + 0) - centre w b b0.
Proof.
  intros He Ht Hv. rewrite readout_dot.
  rewrite (dot_ext d _ _ (P (mul g w)) (LN (eps / (t * t)) (mul g w))) by (intros; auto; apply LN_affine; auto).
  assert (0 <= eps / (t * t)) by (apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; nra]).
  rewrite <- (readout_dot _ w g b b0), witness_value by auto.
  apply Rmult_le_compat_l; [apply Rmult_le_pos; [apply sqrt_pos|apply norm_pos]|].
  eapply Rle_trans; [apply ratio_ge; eauto|]. now apply sqrt_ge_self, ratio_01.
Qed.

Theorem ceiling_sup eps w g b b0 e : 0 <= eps -> 0 < e ->
  exists h, centre w b b0 + ceil w g - e < readout eps w g b b0 h.
Proof.
  intros He Hpos. destruct (Req_dec (var (mul g w)) 0) as [E|E].
  - exists (mul g w). assert (C : ceil w g = 0) by (unfold ceil; rewrite var_norm, E, sqrt_0 by auto; ring).
    pose proof (ceiling eps w g b b0 (mul g w) He) as H. rewrite C in *. apply abs_inv in H. lra.
  - pose proof (var_pos d d_pos (mul g w)) as Hs0. set (s := var (mul g w)) in *. set (C := ceil w g).
    assert (Hs : 0 < s) by (destruct (Rle_lt_or_eq_dec 0 s Hs0); [auto|congruence]).
    assert (HC : 0 <= C) by (apply Rmult_le_pos; [apply sqrt_pos|apply norm_pos]).
    set (t := 1 + C * eps / s / e).
    assert (T0 : 0 <= C * eps / s / e).
    { apply Rmult_le_pos; [|left; apply Rinv_0_lt_compat; lra].
      apply Rmult_le_pos; [now apply Rmult_le_pos|left; apply Rinv_0_lt_compat; lra]. }
    assert (T : 1 <= t) by (unfold t; lra).
    exists (fun i => t * mul g w i + 0). pose proof (ray_value eps w g b b0 t He ltac:(lra) Hs) as H1.
    fold s C in H1. enough (C * (eps / (t * t) / s) < e) by nra.
    replace (C * (eps / (t * t) / s)) with ((C * eps / s / e) * e * / (t * t)) by (field; lra).
    apply Rmult_lt_reg_r with (t * t); [nra|]. rewrite Rmult_assoc, Rinv_l by nra.
    enough (C * eps / s / e < t * t) by nra. unfold t in *. nra.
Qed.

(* ------------------------------------------------------------------ L3 *)
Theorem LN_small eps h rho : 0 < eps -> 0 <= rho -> norm d (P h) <= rho ->
  norm d (LN eps h) <= sqrt D * (rho / sqrt (rho * rho + D * eps)).
Proof.
  intros He Hr Hn. pose proof (var_pos d d_pos h) as Hv.
  assert (Hq : 0 < rho * rho + D * eps) by nra. pose proof (sqrt_lt_R0 _ Hq) as Hq'.
  apply sq_le.
  { apply Rmult_le_pos; [apply sqrt_pos|]. apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]. }
  rewrite norm_sq, LN_sq by (auto; lra).
  replace (sqrt D * (rho / sqrt (rho * rho + D * eps)) * (sqrt D * (rho / sqrt (rho * rho + D * eps))))
    with ((sqrt D * sqrt D) * (rho * rho / (sqrt (rho * rho + D * eps) * sqrt (rho * rho + D * eps)))) by (field; lra).
  rewrite !sqrt_sqrt by lra. apply Rmult_le_compat_l; [lra|].
  assert (A : D * var h <= rho * rho).
  { rewrite <- dot_var, <- norm_sq by auto. pose proof (norm_pos d (P h)). nra. }
  apply Rmult_le_reg_r with (var h + eps); [lra|]. apply Rmult_le_reg_r with (rho * rho + D * eps); [lra|].
  replace (var h / (var h + eps) * (var h + eps) * (rho * rho + D * eps)) with (var h * (rho * rho + D * eps)) by (field; lra).
  replace (rho * rho / (rho * rho + D * eps) * (var h + eps) * (rho * rho + D * eps)) with (rho * rho * (var h + eps)) by (field; lra).
  nra.
Qed.
Theorem ceiling_small eps w g b b0 h rho : 0 < eps -> 0 <= rho -> norm d (P h) <= rho ->
  Rabs (readout eps w g b b0 h - centre w b b0) <= ceil w g * (rho / sqrt (rho * rho + D * eps)).
Proof.
  intros. rewrite readout_dot. eapply Rle_trans; [apply cauchy_norm|]. unfold ceil.
  rewrite (Rmult_comm (sqrt D)), Rmult_assoc. apply Rmult_le_compat_l; [apply norm_pos|]. now apply LN_small.
Qed.

(* RMSNorm and DyT ceilings *)
Definition RMS eps (h : vec) : vec := fun i => h i / sqrt (dot d h h / D + eps).
Lemma RMS_norm eps h : 0 < eps -> norm d (RMS eps h) <= sqrt D.
Proof.
  intros He. assert (S0 : 0 <= dot d h h / D).
  { apply Rmult_le_pos; [apply dot_pos|left; now apply Rinv_0_lt_compat]. }
  apply sqrt_le_1_alt. unfold RMS, dot at 1. pose proof (sqrt_lt_R0 (dot d h h / D + eps) ltac:(lra)).
  rewrite (sum_ext d _ (fun i => / (dot d h h / D + eps) * (h i * h i))).
  - rewrite sum_scal. fold (dot d h h). rewrite Rmult_comm.
    apply Rmult_le_reg_r with (dot d h h / D + eps); [lra|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    replace (D * (dot d h h / D + eps)) with (dot d h h + D * eps) by (field; lra). nra.
  - intros. rewrite <- (sqrt_sqrt (dot d h h / D + eps)) at 3 by lra. field. lra.
Qed.
Theorem RMS_ceiling eps (w g : vec) h : 0 < eps ->
  Rabs (dot d w (mul g (RMS eps h))) <= sqrt D * norm d (mul g w).
Proof.
  intros He. replace (dot d w (mul g (RMS eps h))) with (dot d (mul g w) (RMS eps h))
    by (apply sum_ext; intros; unfold mul; ring).
  eapply Rle_trans; [apply cauchy_norm|]. rewrite Rmult_comm. apply Rmult_le_compat_r; [apply norm_pos|now apply RMS_norm].
Qed.
Theorem DyT_ceiling (act : R -> R) (w g h : vec) : (forall x, Rabs (act x) <= 1) ->
  Rabs (dot d w (mul g (fun i => act (h i)))) <= sum d (fun i => Rabs (g i * w i)).
Proof.
  intros A. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros i _. unfold mul.
  replace (w i * (g i * act (h i))) with ((g i * w i) * act (h i)) by ring. rewrite Rabs_mult.
  pose proof (A (h i)). pose proof (Rabs_pos (g i * w i)). nra.
Qed.


(* mutants: any smaller constant in L2 is refuted *)
Theorem ceiling_mutant eps w g b b0 r : 0 <= eps -> r < 1 -> 0 < ceil w g ->
  exists h, r * ceil w g < Rabs (readout eps w g b b0 h - centre w b b0).
Proof.
  intros He Hr Hc. destruct (ceiling_sup eps w g b b0 ((1 - r) * ceil w g) He ltac:(nra)) as [h Hh].
  exists h. eapply Rlt_le_trans; [|apply Rle_abs]. lra.
Qed.
End Ceiling.
