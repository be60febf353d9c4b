(* N9, first half: one linear functional of the residual decides a far prediction to first order; the remainder is explicit. *)
From ICL Require Export Cone Network.

Section Functional.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Local Notation LN := (LN d).
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.
Variables (w_in w g b : vec) (b0 : R).
Hypothesis w_in_pos : 0 < norm d (P w_in).
Let a := P (mul g w).
Let e := unit d (P w_in).
Definition along := dot d a e.                                             (* R cos(alpha) = sqrt d along *)
Definition functional : vec := fun i => sqrt D * (1 * a i + - along * e i).

Lemma e_unit : dot d e e = 1. Proof. now apply unit_1. Qed.
Lemma functional_sum : sum d functional = 0.
Proof.
  unfold functional. rewrite sum_scal, sum_lin. unfold a, e, unit, scal. rewrite sum_scal, !sum_P by auto. ring.
Qed.
Lemma zero_sum_bound c z : sum d z = 0 -> Rabs (dot d c z) <= norm d (P c) * norm d z.
Proof. intros Hz. rewrite (dot_sym d c z), <- (dot_P d z c Hz), Rmult_comm. apply cauchy_norm. Qed.

(* ------------------------------------------------------------------ the identity *)
Section Far.
Variables (x r0 : R).
Hypothesis x_pos : 0 < x.
Local Notation m1 := (norm d (P w_in)).
Let M := x * m1.
Hypothesis beyond : radius d eps r0 < M.
Hypothesis r0_pos : 0 <= r0.
Definition reach (r : vec) := sqrt (dot d (P (ray x w_in r)) (P (ray x w_in r)) + D * eps).
Definition head_on (r : vec) := M + dot d (P r) e.

Lemma P_far r i : P (ray x w_in r) i = 1 * (M * e i) + 1 * P r i.
Proof. rewrite P_ray by auto. unfold M, e, unit, add, scal. field. lra. Qed.
Lemma reach_sq r : reach r * reach r = head_on r * head_on r + (dot d (P r) (P r) - dot d (P r) e * dot d (P r) e) + D * eps.
Proof.
  unfold reach. rewrite sqrt_sqrt.
  - rewrite (dot_ext d _ _ (fun i => M * e i + 1 * P r i) (fun i => M * e i + 1 * P r i)) by (intros; rewrite P_far; ring).
    rewrite dot_comb, e_unit, (dot_sym d e). unfold head_on. ring.
  - pose proof (dot_pos d (P (ray x w_in r))). nra.
Qed.
Lemma r0_lt : r0 < M.
Proof.
  apply Rle_lt_trans with (radius d eps r0); auto. unfold radius. rewrite <- (sqrt_square r0) at 1 by auto. apply sqrt_le_1_alt. nra.
Qed.
Section Residual.
Variable r : vec.
Hypothesis r_bound : norm d (P r) <= r0.
Lemma head_on_ge : M - r0 <= head_on r.
Proof.
  pose proof (cauchy_norm d (P r) e) as C. unfold norm at 2 in C. rewrite e_unit, sqrt_1 in C. apply abs_inv in C. unfold head_on. lra.
Qed.
Lemma reach_ge : head_on r <= reach r.
Proof.
  apply sq_le; [apply sqrt_pos|]. rewrite reach_sq. pose proof (cauchy d (P r) e) as C. rewrite e_unit in C. nra.
Qed.
Lemma reach_le : reach r <= sqrt ((M + r0) * (M + r0) + D * eps).
Proof.
  unfold reach. apply sqrt_le_1_alt, Rplus_le_compat_r. rewrite <- norm_sq. pose proof r0_lt. pose proof (norm_pos d (P (ray x w_in r))).
  assert (norm d (P (ray x w_in r)) <= M + r0); [|nra].
  rewrite (norm_ext d _ (add (scal M e) (P r))) by (intros; rewrite P_far; unfold add, scal; ring).
  eapply Rle_trans; [apply norm_add|]. rewrite norm_scal, (Rabs_right M) by lra. unfold norm at 1. rewrite e_unit, sqrt_1. lra.
Qed.
Lemma reach_pos : 0 < reach r.
Proof. pose proof head_on_ge. pose proof reach_ge. pose proof r0_lt. lra. Qed.
Theorem functional_identity : readout d eps w g b b0 (ray x w_in r) - y_inf d w_in w g b b0
  = dot d functional r / reach r - sqrt D * along * (1 - head_on r / reach r).
Proof.
  pose proof reach_pos as L. pose proof (sqrt_lt_R0 D D_pos) as SD.
  assert (ZL : forall i, LN eps (ray x w_in r) i = sqrt D / reach r * P (ray x w_in r) i).
  { intros i. unfold LayerNorm.LN. assert (E : reach r = sqrt D * sqrt (var d (ray x w_in r) + eps)).
    { unfold reach. rewrite dot_var by auto. rewrite <- sqrt_mult_alt by lra. f_equal. ring. }
    rewrite E in L |- *. assert (0 < sqrt (var d (ray x w_in r) + eps)) by nra. field. lra. }
  assert (A : readout d eps w g b b0 (ray x w_in r) - centre d w b b0 = sqrt D / reach r * (M * along + dot d a (P r))).
  { rewrite readout_dot by auto. fold a. rewrite (dot_ext d a _ a (fun i => (sqrt D / reach r * M) * e i + (sqrt D / reach r) * P r i)).
    - rewrite dot_lin_r. fold along. ring.
    - auto.
    - intros i _. rewrite ZL, P_far. ring. }
  assert (B : y_inf d w_in w g b b0 = centre d w b b0 + sqrt D * along).
  { unfold y_inf, plateau. f_equal. fold a. unfold along, e, unit. rewrite (dot_ext d a (far d w_in) a (fun i => sqrt D * (/ m1 * P w_in i) + 0 * 0)).
    - rewrite dot_lin_r. rewrite (dot_ext d a (fun i => / m1 * P w_in i) a (scal (/ m1) (P w_in))) by auto. ring.
    - auto.
    - intros. unfold far. ring. }
  assert (Cc : dot d functional r = sqrt D * (dot d a (P r) - along * dot d e (P r))).
  { rewrite <- (dot_P d functional r functional_sum). unfold functional.
    rewrite (dot_ext d _ (P r) (scal (sqrt D) (fun i => 1 * a i + - along * e i)) (P r)) by auto. rewrite dot_scal, dot_lin. ring. }
  rewrite Cc. replace (readout d eps w g b b0 (ray x w_in r) - y_inf d w_in w g b b0)
    with ((readout d eps w g b b0 (ray x w_in r) - centre d w b b0) - sqrt D * along) by (rewrite B; ring).
  rewrite A. unfold head_on. rewrite (dot_sym d (P r) e). field. lra.
Qed.
(* the second term is of second order *)
Lemma head_on_short : 0 <= 1 - head_on r / reach r <= (r0 * r0 + D * eps) / (2 * ((M - r0) * (M - r0))).
Proof.
  pose proof head_on_ge as H1. pose proof reach_ge as H2. pose proof r0_lt as H3. pose proof reach_pos as L. pose proof reach_sq r as S.
  set (s := head_on r) in *. set (N := reach r) in *.
  assert (Q : dot d (P r) (P r) - dot d (P r) e * dot d (P r) e <= r0 * r0).
  { rewrite <- norm_sq. pose proof (norm_pos d (P r)). nra. }
  assert (I : 0 < (M - r0) * (M - r0)) by nra. split.
  - apply Rmult_le_reg_r with N; auto. replace ((1 - s / N) * N) with (N - s) by (field; lra). lra.
  - apply Rmult_le_reg_r with N; auto. replace ((1 - s / N) * N) with (N - s) by (field; lra).
    apply Rmult_le_reg_r with (2 * ((M - r0) * (M - r0))); [lra|].
    replace ((r0 * r0 + D * eps) / (2 * ((M - r0) * (M - r0))) * N * (2 * ((M - r0) * (M - r0)))) with ((r0 * r0 + D * eps) * N) by (field; lra).
    assert (T : (N - s) * (N + s) <= r0 * r0 + D * eps) by nra.
    assert (M1 : (M - r0) * (M - r0) <= s * s) by nra.
    apply Rle_trans with ((N - s) * (2 * (s * s))); [apply Rmult_le_compat_l; lra|].
    apply Rle_trans with ((N - s) * (N + s) * N); [|apply Rmult_le_compat_r; lra].
    rewrite Rmult_assoc. apply Rmult_le_compat_l; [lra|]. nra.
Qed.
(* what an enclosure of the functional gives *)
Theorem functional_enclosure kap half : Rabs (dot d functional r - kap) <= half ->
  Rabs (readout d eps w g b b0 (ray x w_in r) - y_inf d w_in w g b b0 - kap / M)
  <= half / M + (Rabs kap + half) * Rmax (/ (M - r0) - / M) (/ M - / sqrt ((M + r0) * (M + r0) + D * eps))
     + sqrt D * Rabs along * ((r0 * r0 + D * eps) / (2 * ((M - r0) * (M - r0)))).
Proof.
  intros Hk. rewrite functional_identity. pose proof head_on_short as S. pose proof r0_lt. pose proof reach_pos as L.
  pose proof head_on_ge. pose proof reach_ge. pose proof reach_le as LL. set (N := reach r) in *. set (f := dot d functional r) in *.
  set (top := sqrt ((M + r0) * (M + r0) + D * eps)) in *. assert (PM : 0 < M) by lra.
  set (m := Rmax (/ (M - r0) - / M) (/ M - / top)).
  assert (Im : Rabs (/ N - / M) <= m).
  { pose proof (Rmax_l (/ (M - r0) - / M) (/ M - / top)). pose proof (Rmax_r (/ (M - r0) - / M) (/ M - / top)). fold m in H2, H3.
    assert (/ N <= / (M - r0)) by (apply Rinv_le_contravar; lra). assert (/ top <= / N) by (apply Rinv_le_contravar; lra).
    apply Rabs_le. lra. }
  replace (f / N - sqrt D * along * (1 - head_on r / N) - kap / M)
    with ((f - kap) / M + f * (/ N - / M) + - (sqrt D * along * (1 - head_on r / N))) by (field; lra).
  assert (F : Rabs f <= Rabs kap + half).
  { replace f with (kap + (f - kap)) by ring. eapply Rle_trans; [apply Rabs_triang|lra]. }
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    + unfold Rdiv. rewrite Rabs_mult, (Rabs_right (/ M)) by (apply Rle_ge; left; now apply Rinv_0_lt_compat).
      apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|auto].
    + rewrite Rabs_mult. apply Rmult_le_compat; auto; apply Rabs_pos.
  - rewrite Rabs_Ropp, !Rabs_mult, (Rabs_right (sqrt D)) by (apply Rle_ge, sqrt_pos). rewrite (Rabs_right (1 - head_on r / N)) by lra.
    apply Rmult_le_compat_l; [apply Rmult_le_pos; [apply sqrt_pos|apply Rabs_pos]|lra].
Qed.
End Residual.
End Far.
End Functional.
