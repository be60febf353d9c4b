(* How fast LayerNorm and the prediction move with the residual. L5: Lipschitz constant. L6: speed limit at the ceiling. *)
From ICL Require Export Readout.

Section Sensitivity.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Local Notation LN := (LN d).
Local Notation var := (var d).

(* ------------------------------------------------------------------ L5 *)
Lemma inv_sqrt_sq x : 0 < x -> / sqrt x * / sqrt x = / x.
Proof. intros. rewrite <- Rinv_mult, sqrt_sqrt by lra. auto. Qed.

Theorem LN_lipschitz eps h k : 0 < eps ->
  norm d (fun i => 1 * LN eps h i + -1 * LN eps k i)
   <= norm d (fun i => 1 * h i + -1 * k i) / sqrt (sqrt (var h + eps) * sqrt (var k + eps)).
Proof.
  intros He. pose proof (var_pos d d_pos h). pose proof (var_pos d d_pos k).
  set (A := var h + eps). set (B := var k + eps).
  assert (HA : 0 < A) by (unfold A; lra). assert (HB : 0 < B) by (unfold B; lra).
  pose proof (sqrt_lt_R0 _ HA). pose proof (sqrt_lt_R0 _ HB).
  assert (HAB : 0 < sqrt A * sqrt B) by nra. pose proof (sqrt_lt_R0 _ HAB).
  eapply Rle_trans with (norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt (sqrt A * sqrt B)).
  2:{ apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|now apply norm_P_le]. }
  apply sq_le. { apply Rmult_le_pos; [apply norm_pos|left; now apply Rinv_0_lt_compat]. }
  rewrite norm_sq, dot_comb, !LN_sq by (auto; fold A; fold B; lra). fold A B.
  replace (norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt (sqrt A * sqrt B) * (norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt (sqrt A * sqrt B)))
    with ((norm d (P (fun i => 1 * h i + -1 * k i)) * norm d (P (fun i => 1 * h i + -1 * k i))) * / (sqrt (sqrt A * sqrt B) * sqrt (sqrt A * sqrt B))) by (field; lra).
  rewrite norm_sq, sqrt_sqrt by lra.
  rewrite (dot_ext d (P (fun i => 1 * h i + -1 * k i)) (P (fun i => 1 * h i + -1 * k i))
    (fun i => 1 * P h i + -1 * P k i) (fun i => 1 * P h i + -1 * P k i)) by (intros; apply P_lin; auto).
  rewrite dot_comb, !dot_var by auto.
  assert (C : dot d (LN eps h) (LN eps k) = dot d (P h) (P k) / (sqrt A * sqrt B)).
  { unfold LayerNorm.LN, dot. fold A B. unfold Rdiv at 3. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. field. lra. }
  rewrite C. set (q := dot d (P h) (P k)).
  replace (var h) with (A - eps) by (unfold A; ring). replace (var k) with (B - eps) by (unfold B; ring).
  assert (EA : sqrt A * sqrt A = A) by (apply sqrt_sqrt; lra). assert (EB : sqrt B * sqrt B = B) by (apply sqrt_sqrt; lra).
  set (a := sqrt A) in *. set (b := sqrt B) in *. rewrite <- EA, <- EB. clearbody a b q.
  assert (E : (1 * 1 * (D * (a * a - eps)) + 2 * 1 * -1 * q + -1 * -1 * (D * (b * b - eps))) * / (a * b)
    - (1 * 1 * (D * ((a * a - eps) / (a * a))) + 2 * 1 * -1 * (q / (a * b)) + -1 * -1 * (D * ((b * b - eps) / (b * b))))
    = D * ((a - b) * (a - b) * / (a * b) + eps * ((/ a - / b) * (/ a - / b)))) by (field; lra).
  assert (0 < / (a * b)) by (apply Rinv_0_lt_compat; nra).
  pose proof (Rle_0_sqr (a - b)). pose proof (Rle_0_sqr (/ a - / b)). unfold Rsqr in *.
  assert (0 <= D * ((a - b) * (a - b) * / (a * b) + eps * ((/ a - / b) * (/ a - / b)))).
  { apply Rmult_le_pos; [lra|]. apply Rplus_le_le_0_compat; apply Rmult_le_pos; lra. }
  lra.
Qed.
End Sensitivity.
