(* N1, the first attention: as z runs over the reals, w_in z + q normalised (q = b_in + p_j) runs over half a great circle from -e to e
   through f, and eps > 0 only draws it inwards: half a disc. What a head that averages such vectors can add to a functional. *)
From ICL Require Export Norms Cone Softmax.

(* ------------------------------------------------------------------ z a + q, divided by no less than its length *)
Section Core.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Definition equator (a q : vec) := unit d (across d (unit d a) q).         (* f: the direction of q across a *)
Definition in_half_disc (e f z : vec) := exists s t, s * s + t * t <= 1 /\ 0 <= t /\ forall i, z i = sqrt D * (s * e i + t * f i).
Section Vectors.
Variables (a q : vec).
Hypothesis a_pos : 0 < norm d a.
Hypothesis q_across : 0 < norm d (across d (unit d a) q).
Local Notation e := (unit d a).
Local Notation f := (equator a q).
Let along := dot d q e.
Let off := norm d (across d e q).
Lemma e_e : dot d e e = 1. Proof. now apply unit_1. Qed.
Lemma f_f : dot d f f = 1. Proof. now apply unit_1. Qed.
Lemma e_f : dot d e f = 0.
Proof.
  unfold equator, unit at 2. rewrite dot_sym, dot_scal. unfold across. rewrite dot_lin, e_e. ring.
Qed.
Lemma decomposed z i : z * a i + q i = (z * norm d a + along) * e i + off * f i.
Proof.
  change (z * a i + q i = (z * norm d a + along) * (/ norm d a * a i) + off * (/ off * (1 * q i + - along * (/ norm d a * a i)))).
  assert (O : off <> 0) by (unfold off; lra). field. split; lra.
Qed.
Lemma decomposed_sq z : dot d (ray z a q) (ray z a q) = (z * norm d a + along) * (z * norm d a + along) + off * off.
Proof.
  rewrite (dot_ext d _ _ (fun i => (z * norm d a + along) * e i + off * f i) (fun i => (z * norm d a + along) * e i + off * f i)) by (intros;
    apply decomposed).
  rewrite dot_comb, e_e, f_f, e_f. ring.
Qed.
Lemma in_disc z N u : 0 < N -> dot d (ray z a q) (ray z a q) <= N * N -> (forall i, u i = sqrt D * (ray z a q i / N)) -> in_half_disc e f u.
Proof.
  intros HN Hm Hu. rewrite decomposed_sq in Hm. exists ((z * norm d a + along) / N), (off / N). split; [|split].
  - replace ((z * norm d a + along) / N * ((z * norm d a + along) / N) + off / N * (off / N))
      with (((z * norm d a + along) * (z * norm d a + along) + off * off) * / (N * N)) by (field; lra).
    apply Rmult_le_reg_r with (N * N); [nra|]. rewrite Rmult_assoc, Rinv_l by nra. lra.
  - apply Rmult_le_pos; [apply norm_pos|left; now apply Rinv_0_lt_compat].
  - intros i. rewrite Hu. unfold ray. rewrite decomposed. field. lra.
Qed.
End Vectors.

(* the inputs of the first attention, w_in z + q, q = b_in + p_j, normalised *)
Theorem half_disc_LN eps v q z : 0 <= eps -> 0 < norm d (P d v) -> 0 < norm d (across d (unit d (P d v)) (P d q)) ->
  in_half_disc (unit d (P d v)) (equator (P d v) (P d q)) (LN d eps (ray z v q)).
Proof.
  intros He Hv Hq. set (h := ray z v q).
  assert (E : forall i, P d h i = ray z (P d v) (P d q) i) by (intros; unfold h; rewrite P_ray by auto; reflexivity).
  assert (V : D * var d h = dot d (ray z (P d v) (P d q)) (ray z (P d v) (P d q))) by (rewrite <- dot_var by auto; apply dot_ext; intros; apply E).
  pose proof (decomposed_sq (P d v) (P d q) Hv Hq z) as S. rewrite <- V in S. set (o := norm d (across d (unit d (P d v)) (P d q))) in *.
  assert (Vp : 0 < var d h) by (pose proof (Rle_0_sqr (z * norm d (P d v) + dot d (P d q) (unit d (P d v)))); unfold Rsqr in *; nra).
  pose proof (sqrt_lt_R0 D D_pos). pose proof (sqrt_lt_R0 (var d h + eps) ltac:(lra)) as Sp.
  apply (in_disc (P d v) (P d q) Hv Hq z (sqrt D * sqrt (var d h + eps))); [nra| |].
  - rewrite <- V. replace (sqrt D * sqrt (var d h + eps) * (sqrt D * sqrt (var d h + eps)))
      with ((sqrt D * sqrt D) * (sqrt (var d h + eps) * sqrt (var d h + eps))) by ring. rewrite !sqrt_sqrt by lra. nra.
  - intros i. unfold LN. rewrite E. field. lra.
Qed.
Theorem half_disc_RMS eps v q z : 0 <= eps -> 0 < norm d v -> 0 < norm d (across d (unit d v) q) ->
  in_half_disc (unit d v) (equator v q) (RMS d eps (ray z v q)).
Proof.
  intros He Hv Hq. pose proof (decomposed_sq v q Hv Hq z) as S. set (o := norm d (across d (unit d v) q)) in *. set (h := ray z v q) in *.
  assert (Vp : 0 < dot d h h) by (rewrite S; pose proof (Rle_0_sqr (z * norm d v + dot d q (unit d v))); unfold Rsqr in *; nra).
  assert (Q : 0 < dot d h h / D) by (apply Rmult_lt_0_compat; [auto|now apply Rinv_0_lt_compat]).
  pose proof (sqrt_lt_R0 D D_pos). pose proof (sqrt_lt_R0 (dot d h h / D + eps) ltac:(lra)) as Sp.
  apply (in_disc v q Hv Hq z (sqrt D * sqrt (dot d h h / D + eps))); [nra| |].
  - fold h. replace (sqrt D * sqrt (dot d h h / D + eps) * (sqrt D * sqrt (dot d h h / D + eps)))
      with ((sqrt D * sqrt D) * (sqrt (dot d h h / D + eps) * sqrt (dot d h h / D + eps))) by ring. rewrite !sqrt_sqrt by lra.
    replace (D * (dot d h h / D + eps)) with (dot d h h + D * eps) by (field; lra). nra.
  - intros i. unfold RMS. fold h. field. lra.
Qed.
(* without eps nothing smaller will do: every point of the open half circle is an input *)
Theorem half_circle_reached v q s t : 0 < norm d (P d v) -> 0 < norm d (across d (unit d (P d v)) (P d q)) -> s * s + t * t = 1 -> 0 < t ->
  exists z, forall i, LN d 0 (ray z v q) i = sqrt D * (s * unit d (P d v) i + t * equator (P d v) (P d q) i).
Proof.
  intros Hv Hq Hst Ht. set (o := norm d (across d (unit d (P d v)) (P d q))) in *. set (al := dot d (P d q) (unit d (P d v))).
  exists ((s / t * o - al) / norm d (P d v)). set (z := (s / t * o - al) / norm d (P d v)). set (h := ray z v q).
  assert (E : forall i, P d h i = ray z (P d v) (P d q) i) by (intros; unfold h; rewrite P_ray by auto; reflexivity).
  pose proof (decomposed_sq (P d v) (P d q) Hv Hq z) as S. fold o al in S.
  assert (Z : z * norm d (P d v) + al = s / t * o) by (unfold z; field; lra). rewrite Z in S.
  assert (V : D * var d h = (o / t) * (o / t)).
  { rewrite <- dot_var by auto. rewrite (dot_ext d _ _ (ray z (P d v) (P d q)) (ray z (P d v) (P d q))) by (intros; apply E). rewrite S.
    replace (o * o) with (o * o * (t * t) * / (t * t)) at 1 by (field; lra). replace (s / t * o * (s / t * o) + o * o * (t * t) * / (t * t))
      with ((s * s + t * t) * (o * o) * / (t * t)) by (field; lra). rewrite Hst. field. lra. }
  assert (O : 0 < o / t) by (apply Rmult_lt_0_compat; [auto|now apply Rinv_0_lt_compat]). pose proof (sqrt_lt_R0 D D_pos) as SD.
  assert (N : sqrt (var d h + 0) = o / t / sqrt D).
  { rewrite Rplus_0_r. replace (var d h) with ((o / t * (o / t)) / D) by (rewrite <- V; field; lra). rewrite sqrt_div_alt, sqrt_square by lra. auto. }
  intros i. unfold LN. rewrite N, E. unfold ray. rewrite (decomposed (P d v) (P d q) Hv Hq z i). fold o al. rewrite Z. field. lra.
Qed.

(* so a head's contribution to a functional: the average over its keys is in the hull of the half discs *)
Theorem half_disc_functional n (p : vec) A gg e f (z : nat -> vec) M : stochastic n p -> (forall j, (j < n)%nat -> in_half_disc e (f j) (z j)) ->
  (forall j, (j < n)%nat -> Rmax 0 (dot d gg (mv d A (f j))) <= M) ->
  dot d gg (fun i => sum n (fun j => p j * mv d A (z j) i)) <= sqrt D * sqrt (dot d gg (mv d A e) * dot d gg (mv d A e) + M * M).
Proof.
  intros [Hp Hs] Hz HM. set (x := dot d gg (mv d A e)). pose proof (sqrt_lt_R0 D D_pos) as SD.
  assert (E : dot d gg (fun i => sum n (fun j => p j * mv d A (z j) i)) = sum n (fun j => p j * dot d gg (mv d A (z j)))).
  { unfold dot at 1. rewrite (sum_ext d _ (fun i => sum n (fun j => p j * (gg i * mv d A (z j) i)))).
    - rewrite sum_swap. apply sum_ext. intros j _. now rewrite sum_scal.
    - intros i _. rewrite <- sum_scal. apply sum_ext. intros. ring. }
  rewrite E, <- (Rmult_1_r (sqrt D * sqrt (x * x + M * M))), <- Hs, <- sum_scal. apply sum_le. intros j Hj.
  rewrite (Rmult_comm _ (p j)). apply Rmult_le_compat_l; [now apply Hp|].
  destruct (Hz j Hj) as [s [t [Hst [Ht Ez]]]]. specialize (HM j Hj). set (y := dot d gg (mv d A (f j))) in *.
  assert (F : dot d gg (mv d A (z j)) = sqrt D * (s * x + t * y)).
  { rewrite dot_mv. rewrite (dot_ext d _ (z j) (transposed d A gg) (fun i => sqrt D * s * e i + sqrt D * t * f j i)) by (intros; auto; rewrite Ez;
    ring).
    rewrite dot_lin_r, <- !dot_mv. fold x y. ring. }
  rewrite F. apply Rmult_le_compat_l; [lra|]. pose proof (Rmax_l 0 y). pose proof (Rmax_r 0 y).
  apply Rle_trans with (s * x + t * M); [nra|]. apply sq_le; [apply sqrt_pos|]. rewrite sqrt_sqrt by nra.
  assert (0 <= (s * M - t * x) * (s * M - t * x)) by apply Rle_0_sqr. assert (0 <= (1 - (s * s + t * t)) * (x * x + M * M)) by (apply Rmult_le_pos;
    nra). nra.
Qed.
End Core.
