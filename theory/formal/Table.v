(* G5: the 2 x 2 of LayerNorm and softmax. The prompt presents f(x) = a x and is scaled by tau; the limit of y/tau in each cell,
   and what it costs. The cells: a final norm (0), pre-LN blocks without it (one slope), softmax without LayerNorm (G3: the extreme
   tokens), linear attention (G1: degree 3^L, attained). *)
From ICL Require Export NoFinalNorm OneLayer Growth.
Require Import List FunctionalExtensionality.
Import ListNotations.

(* a final LayerNorm, whatever comes before it *)
Theorem norm_cell d eps w g b b0 (h : R -> vec) : (0 < d)%nat -> 0 <= eps ->
  tends (fun tau => readout d eps w g b b0 (h tau) / tau) 0.
Proof.
  intros Hd He. apply (tends_over _ (Rabs (centre d w b b0) + ceil d w g)). intros tau.
  pose proof (ceiling d Hd eps w g b b0 (h tau) He) as C. set (y := readout d eps w g b b0 (h tau)) in *.
  replace y with (centre d w b b0 + (y - centre d w b b0)) by ring. eapply Rle_trans; [apply Rabs_triang|lra].
Qed.
(* a final RMSNorm or DyT: any bounded answer *)
Theorem bounded_cell y B : (forall tau, Rabs (y tau) <= B) -> tends (fun tau => y tau / tau) 0.
Proof. apply tends_over. Qed.
(* pre-LN blocks without the final norm: the slope of the weights, not of the prompt *)
Theorem prenorm_cell d eps w_in b_in pos net w b0 Rp n x xq a : (0 < d)%nat -> 0 <= eps -> Forall ok net ->
  (forall T, norm d (add b_in (pos T)) <= Rp) ->
  tends (fun tau => bare d eps w_in b_in pos net w b0 (fun t => tau * line_prompt n x xq a t) (2 * n) / tau) (dot d w w_in * xq).
Proof.
  intros Hd He Hok Hp. pose proof (slope_limit d Hd eps He w_in b_in pos net w b0 Rp (line_prompt n x xq a) (2 * n) Hok Hp) as H.
  now rewrite last_token in H.
Qed.
(* what a limit that does not see a costs: half the distance of the two lines *)
Theorem two_slopes_lost L a a' xq : Rabs (a - a') * Rabs xq / 2 <= Rmax (Rabs (L - a * xq)) (Rabs (L - a' * xq)).
Proof.
  pose proof (Rmax_l (Rabs (L - a * xq)) (Rabs (L - a' * xq))). pose proof (Rmax_r (Rabs (L - a * xq)) (Rabs (L - a' * xq))).
  pose proof (Rabs_triang (- (L - a * xq)) (L - a' * xq)) as T. rewrite Rabs_Ropp in T.
  replace (- (L - a * xq) + (L - a' * xq)) with ((a - a') * xq) in T by ring. rewrite Rabs_mult in T. lra.
Qed.
(* so with LayerNorm in the blocks one of two lines is missed by half their distance, at every large enough scale *)
Theorem limit_misses y y' L a a' xq e : 0 < e -> tends (fun tau => y tau / tau) L -> tends (fun tau => y' tau / tau) L ->
  exists T, forall tau, T <= tau ->
    tau * (Rabs (a - a') * Rabs xq / 2 - e) <= Rmax (Rabs (y tau - tau * (a * xq))) (Rabs (y' tau - tau * (a' * xq))).
Proof.
  intros He Hy Hy'. destruct (Hy e He) as [T1 H1]. destruct (Hy' e He) as [T2 H2]. exists (Rmax 1 (Rmax T1 T2)). intros tau Ht.
  pose proof (Rmax_l 1 (Rmax T1 T2)). pose proof (Rmax_r 1 (Rmax T1 T2)). pose proof (Rmax_l T1 T2). pose proof (Rmax_r T1 T2).
  specialize (H1 tau ltac:(lra)). specialize (H2 tau ltac:(lra)). pose proof (two_slopes_lost L a a' xq) as S.
  assert (B : forall u c, Rabs (u / tau - L) < e -> tau * (Rabs (L - c) - e) <= Rabs (u - tau * c)).
  { intros u c Hu. replace (u - tau * c) with (tau * ((u / tau - L) + (L - c))) by (field; lra). rewrite Rabs_mult, (Rabs_right tau) by lra.
    apply Rmult_le_compat_l; [lra|]. pose proof (Rabs_triang (- (u / tau - L)) (u / tau - L + (L - c))) as Q. rewrite Rabs_Ropp in Q.
    replace (- (u / tau - L) + (u / tau - L + (L - c))) with (L - c) in Q by ring. lra. }
  pose proof (B _ (a * xq) H1) as B1. pose proof (B _ (a' * xq) H2) as B2.
  pose proof (Rmax_l (Rabs (y tau - tau * (a * xq))) (Rabs (y' tau - tau * (a' * xq)))).
  pose proof (Rmax_r (Rabs (y tau - tau * (a * xq))) (Rabs (y' tau - tau * (a' * xq)))).
  destruct (Rle_dec (Rabs (L - a * xq)) (Rabs (L - a' * xq))) as [Q|Q]; [rewrite Rmax_right in S by lra|rewrite Rmax_left in S by lra]; nra.
Qed.
