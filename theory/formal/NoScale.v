(* G4, its algebra: on a cell a network without LayerNorm answers tau z with tau l(z) + const, l a linear form of the prompt; the
   product a x_q of slope and query is no linear form, so no finite number of cells makes room for it. How large the error is. *)
From ICL Require Export Limits.
Require Import List.
Import ListNotations.

(* a linear form of the prompt (x_1, a x_1, .., x_n, a x_n, x_q): with the inputs fixed it is c0 + a c1 + cq x_q *)
Definition form n (c c' : vec) cq (x : vec) a xq := dot n c x + a * dot n c' x + cq * xq.

(* four prompts, two slopes and two queries: one of them is missed by a quarter of |a - a'| |x_q - x_q'| *)
Theorem form_misses n c c' cq x a a' xq xq' : let e a xq := Rabs (form n c c' cq x a xq - a * xq) in
  Rabs (a - a') * Rabs (xq - xq') / 4 <= Rmax (Rmax (e a xq) (e a xq')) (Rmax (e a' xq) (e a' xq')).
Proof.
  intros e. set (m := Rmax _ _).
  pose proof (Rmax_l (Rmax (e a xq) (e a xq')) (Rmax (e a' xq) (e a' xq'))) as M1. pose proof (Rmax_r (Rmax (e a xq) (e a xq')) (Rmax (e a' xq) (e a' xq'))) as M2.
  fold m in M1, M2. pose proof (Rmax_l (e a xq) (e a xq')). pose proof (Rmax_r (e a xq) (e a xq')).
  pose proof (Rmax_l (e a' xq) (e a' xq')). pose proof (Rmax_r (e a' xq) (e a' xq')). rewrite <- Rabs_mult.
  assert (B : forall a xq, e a xq <= m -> - m <= form n c c' cq x a xq - a * xq <= m) by (intros; now apply abs_inv).
  pose proof (B a xq ltac:(lra)). pose proof (B a xq' ltac:(lra)). pose proof (B a' xq ltac:(lra)). pose proof (B a' xq' ltac:(lra)).
  unfold form in *. assert (Rabs ((a - a') * (xq - xq')) <= 4 * m); [|lra]. apply Rabs_le. nra.
Qed.
(* and no better bound holds: the mean form errs by exactly that at the four corners *)
Theorem form_sharp a a' xq xq' : let l a0 q0 := form 1 (fun _ => - ((a + a') / 2 * ((xq + xq') / 2))) (fun _ => (xq + xq') / 2) ((a + a') / 2) (fun _ => 1) a0 q0 in
  forall a0 q0, (a0 = a \/ a0 = a') -> (q0 = xq \/ q0 = xq') -> Rabs (l a0 q0 - a0 * q0) = Rabs (a - a') * Rabs (xq - xq') / 4.
Proof.
  intros l a0 q0 Ha Hq. rewrite <- Rabs_mult. replace (Rabs ((a - a') * (xq - xq')) / 4) with (Rabs ((a - a') * (xq - xq') / 4)).
  - unfold l, form, dot. simpl. destruct Ha as [-> | ->], Hq as [-> | ->]; (match goal with |- Rabs ?u = Rabs ?v => assert (E : u = v \/ u = - v) by (first [left; field|right; field]) end);
    destruct E as [-> | ->]; auto using Rabs_Ropp.
  - unfold Rdiv. rewrite Rabs_mult, (Rabs_right (/ 4)) by lra. auto.
Qed.
Theorem product_is_no_form n c c' cq x : (forall a xq, form n c c' cq x a xq = a * xq) -> False.
Proof.
  intros H. pose proof (form_misses n c c' cq x 0 1 0 1) as F. cbv beta zeta in F. rewrite !H, !Rminus_eq_0, !Rabs_R0, !Rmax_left in F by lra.
  rewrite Rabs_left in F by lra. lra.
Qed.

(* an interval is more than finitely many points *)
Lemma avoid (l : list R) lo hi : lo < hi -> exists u, lo < u < hi /\ ~ In u l.
Proof.
  revert lo hi. induction l as [|p l IH]; intros lo hi H; [exists ((lo + hi) / 2); split; [lra|auto]|].
  destruct (Rle_dec p ((lo + hi) / 2)) as [L|L].
  - destruct (IH ((lo + hi) / 2) hi ltac:(lra)) as [u [U1 U2]]. exists u. split; [lra|]. intros [E|E]; [lra|auto].
  - destruct (IH lo ((lo + hi) / 2) ltac:(lra)) as [u [U1 U2]]. exists u. split; [lra|]. intros [E|E]; [lra|auto].
Qed.
(* finitely many forms, any inputs: in every box of slopes and queries some prompt is missed by all of them *)
Definition cell := (vec * vec * R)%type.
Definition on (k : cell) n x a xq := form n (fst (fst k)) (snd (fst k)) (snd k) x a xq.
Theorem finitely_many_forms n x (cells : list cell) a1 a2 q1 q2 : a1 < a2 -> q1 < q2 ->
  exists a xq, a1 < a < a2 /\ q1 < xq < q2 /\ forall k, In k cells -> on k n x a xq <> a * xq.
Proof.
  intros Ha Hq. destruct (avoid (map snd cells) a1 a2 Ha) as [a [A1 A2]].
  destruct (avoid (map (fun k : cell => (dot n (fst (fst k)) x + a * dot n (snd (fst k)) x) / (a - snd k)) cells) q1 q2 Hq) as [xq [Q1 Q2]].
  exists a, xq. repeat split; try tauto. intros k Hk E. apply Q2. apply in_map_iff. exists k. split; auto.
  assert (N : a - snd k <> 0) by (intros Z; apply A2, in_map_iff; exists k; split; auto; lra).
  unfold on, form in E. apply Rmult_eq_reg_r with (a - snd k); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by auto. lra.
Qed.
(* so a network that answers tau z with one of finitely many forms of z, to first order in tau, loses some prompt of every box at
   a rate of its own: y(tau z)/tau tends to a number that is not a x_q *)
Theorem no_free_scale n x cells (y : R -> R -> R -> R) a1 a2 q1 q2 : a1 < a2 -> q1 < q2 ->
  (forall a xq, exists k, In k cells /\ tends (fun tau => y tau a xq / tau) (on k n x a xq)) ->
  exists a xq r, a1 < a < a2 /\ q1 < xq < q2 /\ 0 < r /\ tends (fun tau => Rabs (y tau a xq - tau * (a * xq)) / tau) r.
Proof.
  intros Ha Hq Hy. destruct (finitely_many_forms n x cells a1 a2 q1 q2 Ha Hq) as [a [xq [A1 [Q1 N]]]].
  destruct (Hy a xq) as [k [K1 K2]]. specialize (N k K1). exists a, xq, (Rabs (on k n x a xq - a * xq)).
  repeat split; try tauto; [apply Rabs_pos_lt; lra|].
  apply (tends_eventually (fun tau => Rabs (y tau a xq / tau + -1 * (a * xq)))).
  { intros tau Ht. replace (y tau a xq - tau * (a * xq)) with (tau * (y tau a xq / tau + -1 * (a * xq))) by (field; lra).
    rewrite Rabs_mult, (Rabs_right tau) by lra. field. lra. }
  apply (tends_continuous Rabs (fun tau => y tau a xq / tau + -1 * (a * xq))); [apply Rcontinuity_abs|].
  replace (on k n x a xq - a * xq) with (on k n x a xq + -1 * (a * xq)) by ring. apply (tends_add (fun tau => y tau a xq / tau)); auto. apply tends_const.
Qed.
