(* One attention layer without LayerNorm, any heads: its answer's form, its slope along a scaled prompt, its distance from a form of
   the query and of what the heads' averages are close to. OneLayer, ExtremeBound and Lehmer say what that is: extreme tokens, means. *)
From ICL Require Export OneLayer.
Require List.
Require Import FunctionalExtensionality.
Import List.ListNotations.

Section Layer.
Variables (d H : nat) (hd : nat -> head) (w_in b_in w : vec) (pos : nat -> vec) (b0 : R).
Let still t : vec := add b_in (pos t).
Definition any_layer (tok : nat -> R) T := dot d w (grun d [Attn (fun _ => 0) (fun _ => 0) H hd] (embed w_in b_in pos tok) T) + b0.
Let p tau z T k := weights (hd k) (embed w_in b_in pos (fun t => tau * z t)) T.
Let gain k := dot d w (mv d (VO (hd k)) w_in).
Let rest k j := dot d w (add (mv d (VO (hd k)) (still j)) (vb (hd k))).
Lemma any_layer_form tau z T : any_layer (fun t => tau * z t) T
  = tau * (dot d w w_in * z T + sum H (fun k => gain k * dot (S T) (p tau z T k) z))
    + (dot d w (still T) + b0 + sum H (fun k => dot (S T) (p tau z T k) (rest k))).
Proof.
  unfold any_layer. simpl grun. set (h := embed w_in b_in pos (fun t => tau * z t)).
  assert (Lin : forall u v, dot d w (add u v) = dot d w u + dot d w v) by (intros; now rewrite dot_sym, dot_add, (dot_sym d u), (dot_sym d v)).
  assert (Sc : forall a u, dot d w (scal a u) = a * dot d w u) by (intros; now rewrite dot_sym, dot_scal, (dot_sym d u)).
  rewrite Lin. change (h T) with (add (scal (tau * z T) w_in) (still T)). rewrite Lin, Sc.
  replace (dot d w (att d H hd h T)) with (sum H (fun k => tau * (gain k * dot (S T) (p tau z T k) z) + 1 * dot (S T) (p tau z T k) (rest k))).
  - rewrite sum_lin. ring.
  - unfold dot at 3, att.
    rewrite (sum_ext d _ (fun i => sum H (fun k => sum (S T) (fun j => p tau z T k j * (w i * (mv d (VO (hd k)) (h j) i + vb (hd k) i)))))).
    + rewrite sum_swap. apply sum_ext. intros k _. rewrite sum_swap.
      rewrite (sum_ext (S T) _ (fun j => tau * gain k * (p tau z T k j * z j) + 1 * (p tau z T k j * rest k j))).
      * rewrite sum_lin. unfold dot. ring.
      * intros j _. rewrite sum_scal. replace (tau * gain k * (p tau z T k j * z j) + 1 * (p tau z T k j * rest k j))
          with (p tau z T k j * (tau * z j * gain k + rest k j)) by ring. f_equal. unfold rest, gain. rewrite <- Sc, <- Lin. apply sum_ext.
        intros i _. unfold h. rewrite mv_embed. fold (still j). set (v := mv d (VO (hd k)) (still j)). unfold add, scal. ring.
    + intros i _. rewrite <- sum_scal. apply sum_ext. intros k _. rewrite <- sum_scal. apply sum_ext. intros j _.
      unfold p. fold h. ring.
Qed.
Theorem any_layer_slope z T ext : (forall k, (k < H)%nat -> tends (fun tau => dot (S T) (p tau z T k) z) (ext k)) ->
  tends (fun tau => any_layer (fun t => tau * z t) T / tau) (dot d w w_in * z T + sum H (fun k => gain k * ext k)).
Proof.
  intros He. set (B := Rabs (dot d w (still T)) + Rabs b0 + sum H (fun k => sum (S T) (fun j => Rabs (rest k j)))).
  apply (tends_eventually (fun tau => (dot d w w_in * z T + sum H (fun k => gain k * dot (S T) (p tau z T k) z))
    + (dot d w (still T) + b0 + sum H (fun k => dot (S T) (p tau z T k) (rest k))) / tau)).
  { intros tau Ht. rewrite any_layer_form. field. lra. }
  rewrite <- (Rplus_0_r (_ + sum H _)). apply (tends_add (fun tau => dot d w w_in * z T + sum H (fun k => gain k * dot (S T) (p tau z T k) z))).
  - apply (tends_add (fun _ => dot d w w_in * z T)); [apply tends_const|].
    apply (tends_sum H (fun k tau => gain k * dot (S T) (p tau z T k) z) (fun k => gain k * ext k)).
    intros k Hk. apply (tends_scal (gain k) (fun tau => dot (S T) (p tau z T k) z)), He, Hk.
  - apply (tends_over _ B). intros tau. unfold B. eapply Rle_trans; [apply Rabs_triang|].
    apply Rplus_le_compat; [apply Rabs_triang|]. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros k _.
    eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros j Hj. rewrite Rabs_mult.
    destruct (weights_ok (hd k) (embed w_in b_in pos (fun t => tau * z t)) T) as [P0 P1]. fold (p tau z T k) in P0, P1.
    assert (P2 : p tau z T k j <= 1) by (rewrite <- P1; apply (sum_term (S T) (p tau z T k)); auto). specialize (P0 j Hj).
    rewrite (Rabs_right (p tau z T k j)) by lra. pose proof (Rabs_pos (rest k j)). nra.
Qed.
(* the prompt itself: averages within short k of ext k, positions' values between low k and high k *)
Theorem any_layer_bound z T ext short low high :
  (forall k, (k < H)%nat -> Rabs (dot (S T) (weights (hd k) (embed w_in b_in pos z) T) z - ext k) <= short k) ->
  (forall k j, (k < H)%nat -> (j <= T)%nat -> low k <= rest k j <= high k) ->
  let form := dot d w w_in * z T + sum H (fun k => gain k * ext k) + dot d w (still T) + b0 in
  let slack := sum H (fun k => Rabs (gain k) * short k) in
  form + sum H low - slack <= any_layer z T <= form + sum H high + slack.
Proof.
  intros He Hr form slack. assert (E1 : (fun t => 1 * z t) = z) by (apply functional_extensionality; intros; ring).
  pose proof (any_layer_form 1 z T) as E. rewrite E1, Rmult_1_l in E.
  assert (A : Rabs (sum H (fun k => gain k * dot (S T) (p 1 z T k) z) - sum H (fun k => gain k * ext k)) <= slack).
  { replace (sum H (fun k => gain k * dot (S T) (p 1 z T k) z) - sum H (fun k => gain k * ext k))
      with (1 * sum H (fun k => gain k * dot (S T) (p 1 z T k) z) + -1 * sum H (fun k => gain k * ext k)) by ring.
    rewrite <- sum_lin. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros k Hk.
    replace (1 * (gain k * dot (S T) (p 1 z T k) z) + -1 * (gain k * ext k)) with (gain k * (dot (S T) (p 1 z T k) z - ext k)) by ring.
    rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|]. unfold p. rewrite E1. now apply He. }
  assert (B : sum H low <= sum H (fun k => dot (S T) (p 1 z T k) (rest k)) <= sum H high).
  { split; apply sum_le; intros k Hk; apply (hull (S T) (p 1 z T k) (rest k) (low k) (high k));
    try (apply weights_ok); intros j Hj; apply Hr; auto; lia. }
  apply abs_inv in A. unfold form. lra.
Qed.
End Layer.
