(* N9, walls: where the blocks before can only add r with p.r <= 0, p across the ray w, every token's normalised stream is on one
   side of p, and so is every average of them. What that takes off a functional of it. *)
From ICL Require Export RayLimit Softmax.

Section Walls.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.

Lemma over_root a s : a <= 0 -> a / sqrt s <= 0.
Proof.
  intros Ha. destruct (Req_dec (sqrt s) 0) as [E|E]; [rewrite E; unfold Rdiv; rewrite Rinv_0; lra|].
  pose proof (sqrt_pos s). assert (0 < / sqrt s) by (apply Rinv_0_lt_compat; lra). unfold Rdiv. nra.
Qed.
Lemma dot_over p h s : dot d p (fun i => h i / s) = dot d p h / s.
Proof.
  unfold dot, Rdiv. rewrite (Rmult_comm (sum d _)), <- sum_scal. apply sum_ext. intros. ring.
Qed.

(* whatever the token's value z *)
Theorem token_behind_wall eps p w r z : sum d p = 0 -> dot d p w = 0 -> dot d p r <= 0 -> dot d p (LN d eps (ray z w r)) <= 0.
Proof.
  intros Hs Hw Hr. unfold LN. rewrite dot_over, dot_P by auto. apply over_root.
  replace (dot d p (ray z w r)) with (z * dot d p w + 1 * dot d p r); [rewrite Hw; lra|].
  rewrite <- dot_lin_r. apply dot_ext; intros; unfold ray; ring.
Qed.
(* the same behind an RMSNorm, or any positive factor of the stream *)
Theorem scaled_behind_wall p w r z c : 0 <= c -> dot d p w = 0 -> dot d p r <= 0 -> dot d p (scal c (ray z w r)) <= 0.
Proof.
  intros Hc Hw Hr. rewrite dot_sym, dot_scal, dot_sym.
  replace (dot d p (ray z w r)) with (z * dot d p w + 1 * dot d p r); [rewrite Hw; nra|].
  rewrite <- dot_lin_r. apply dot_ext; intros; unfold ray; ring.
Qed.
Theorem average_behind_wall n q (z : nat -> vec) p : stochastic n q -> (forall j, (j < n)%nat -> dot d p (z j) <= 0) ->
  dot d p (fun i => sum n (fun j => q j * z j i)) <= 0.
Proof.
  intros [Hq _] Hz. unfold dot.
  rewrite (sum_ext d _ (fun i => sum n (fun j => p i * (q j * z j i)))) by (intros; now rewrite <- sum_scal).
  rewrite sum_swap. rewrite <- (Rmult_0_r (INR n)), <- sum_const. apply sum_le. intros j Hj.
  rewrite (sum_ext d _ (fun i => q j * (p i * z j i))) by (intros; ring). rewrite sum_scal.
  specialize (Hq j Hj). specialize (Hz j Hj). unfold dot in Hz. nra.
Qed.

(* any multiple of p may be taken off the functional *)
Theorem cut_ball u p z l rho : 0 <= l -> dot d p z <= 0 -> norm d z <= rho -> dot d u z <= norm d (fun i => 1 * u i + - l * p i) * rho.
Proof.
  intros Hl Hp Hz. assert (E : dot d (fun i => 1 * u i + - l * p i) z = 1 * dot d u z + - l * dot d p z) by apply dot_lin.
  pose proof (cauchy_norm d (fun i => 1 * u i + - l * p i) z) as C. pose proof (Rle_abs (dot d (fun i => 1 * u i + - l * p i) z)) as A.
  pose proof (norm_pos d (fun i => 1 * u i + - l * p i)) as N. assert (0 <= - (l * dot d p z)) by nra. nra.
Qed.
(* and what the best multiple leaves *)
Theorem best_multiple u p l : 0 < dot d p p ->
  dot d (fun i => 1 * u i + - l * p i) (fun i => 1 * u i + - l * p i) =
    dot d u u - dot d u p * dot d u p / dot d p p + (l - dot d u p / dot d p p) * (l - dot d u p / dot d p p) * dot d p p.
Proof. intros Hp. rewrite dot_comb. field. lra. Qed.
End Walls.
