(* Polynomials against a ceiling. P2: floor of the error. *)
From ICL Require Export Vectors.

(* P2/P3 core: outside the band the squared error is at least the squared distance *)
Theorem band_floor y c R0 p : Rabs (y - c) <= R0 -> R0 <= Rabs (p - c) ->
  (Rabs (p - c) - R0) * (Rabs (p - c) - R0) <= (y - p) * (y - p).
Proof.
  intros Hy Hp. assert (T : Rabs (p - c) - R0 <= Rabs (y - p)).
  { replace (p - c) with (- (y - p) + (y - c)) by ring. pose proof (Rabs_triang (- (y - p)) (y - c)). rewrite Rabs_Ropp in *. lra. }
  pose proof (Rabs_pos (y - p)). assert (E : (y - p) * (y - p) = Rabs (y - p) * Rabs (y - p)).
  { rewrite <- Rabs_mult. symmetry. apply Rabs_right, Rle_ge. apply (Rle_0_sqr (y - p)). }
  rewrite E. apply Rmult_le_compat; lra.
Qed.
