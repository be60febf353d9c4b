(* G3 assembled: one layer of softmax attention without LayerNorm. Under a prompt scaled by tau its answer is tau times a fixed linear
   form of the query and the extreme tokens, so two functions with the same extremes are not told apart (G3'). *)
From ICL Require Export Envelope ExtremeToken Limits.
Require Import List FunctionalExtensionality.
Import ListNotations.

Lemma softmax_ext n s s' i : (forall j, (j < n)%nat -> s j = s' j) -> (i < n)%nat -> softmax n s i = softmax n s' i.
Proof. intros H Hi. unfold softmax. rewrite (H i Hi). f_equal. apply sum_ext. intros j Hj. now rewrite H. Qed.

(* both signs at once *)
Lemma extreme n z hi lo a bb cc : (hi < n)%nat -> (lo < n)%nat -> (forall j, (j < n)%nat -> z lo <= z j <= z hi) -> a <> 0 ->
  tends (fun tau => dot n (softmax n (fun j => tau * tau * (a * z j) + tau * bb j + cc j)) z) (if Rlt_dec 0 a then z hi else z lo).
Proof.
  intros Hh Hl Hz Ha e He. destruct (Rlt_dec 0 a).
  - apply extreme_token; auto. intros. now apply Hz.
  - destruct (extreme_token_min n z lo (- a) bb cc e Hl (fun j Hj => proj1 (Hz j Hj)) ltac:(lra) He) as [T HT].
    exists T. intros tau Ht. specialize (HT tau Ht). rewrite Ropp_involutive in HT. auto.
Qed.

Section OneLayer.
Variables (d dh H : nat) (WQ WK OV : nat -> mat) (bQ bK bV : nat -> vec) (w_in b_in w : vec) (pos : nat -> vec) (b0 : R).
Let hd k := softmax_head (qk_score d dh (WQ k) (bQ k) (WK k) (bK k)) (OV k) (bV k).
Let still t : vec := add b_in (pos t).                 (* what of a token's vector does not scale *)
Definition one_layer (tok : nat -> R) T :=
  dot d w (grun d [Attn (fun _ => 0) (fun _ => 0) H hd] (embed w_in b_in pos tok) T) + b0.
Definition score_sign k := dot dh (mv d (WQ k) w_in) (mv d (WK k) w_in) / sqrt (INR dh).     (* A_h *)
Definition head_gain k := dot d w (mv d (OV k) w_in).                                       (* alpha_h *)
Definition extreme_of (z : nat -> R) T hi lo k := if Rlt_dec 0 (score_sign k * z T) then z hi else z lo.
Definition slope z T hi lo := dot d w w_in * z T + sum H (fun k => head_gain k * extreme_of z T hi lo k).

Lemma mv_embed (A : mat) tau (z : nat -> R) t i :
  mv d A (embed w_in b_in pos (fun t => tau * z t) t) i = tau * z t * mv d A w_in i + mv d A (still t) i.
Proof.
  unfold mv. rewrite (dot_sym d (A i) w_in), (dot_sym d (A i) (still t)), (dot_sym d (A i)).
  rewrite (dot_ext d _ (A i) (fun i => tau * z t * w_in i + 1 * still t i) (A i)) by (intros; unfold embed, still, add, scal; ring).
  rewrite dot_lin. ring.
Qed.

Let qT k T := add (mv d (WQ k) (still T)) (bQ k).
Let kj k j := add (mv d (WK k) (still j)) (bK k).
Lemma score_form k tau z T j :
  qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (embed w_in b_in pos (fun t => tau * z t)) T j
  = tau * tau * (score_sign k * z T * z j)
    + tau * ((z T * dot dh (mv d (WQ k) w_in) (kj k j) + z j * dot dh (qT k T) (mv d (WK k) w_in)) / sqrt (INR dh))
    + dot dh (qT k T) (kj k j) / sqrt (INR dh).
Proof.
  unfold qk_score, score_sign.
  rewrite (dot_ext dh _ _ (fun i => tau * z T * mv d (WQ k) w_in i + 1 * qT k T i) (fun i => tau * z j * mv d (WK k) w_in i + 1 * kj k j i)).
  - rewrite dot_lin, (dot_sym dh (mv d (WQ k) w_in)), (dot_sym dh (qT k T)), !dot_lin.
    rewrite (dot_sym dh (mv d (WK k) w_in) (mv d (WQ k) w_in)), (dot_sym dh (kj k j) (mv d (WQ k) w_in)),
      (dot_sym dh (mv d (WK k) w_in) (qT k T)), (dot_sym dh (kj k j) (qT k T)). unfold Rdiv. ring.
  - intros i _. unfold add at 1. rewrite mv_embed. unfold qT, add. ring.
  - intros i _. unfold add at 1. rewrite mv_embed. unfold kj, add. ring.
Qed.

Let p k tau z T := softmax (S T) (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (embed w_in b_in pos (fun t => tau * z t)) T).
Let rest k j := dot d w (mv d (OV k) (still j)) + dot d w (bV k).
Lemma one_layer_form tau z T :
  one_layer (fun t => tau * z t) T
  = tau * (dot d w w_in * z T + sum H (fun k => head_gain k * dot (S T) (p k tau z T) z))
    + (dot d w (still T) + b0 + sum H (fun k => dot (S T) (p k tau z T) (rest k))).
Proof.
  unfold one_layer. simpl grun. set (h := embed w_in b_in pos (fun t => tau * z t)).
  rewrite (dot_sym d w), dot_add, (dot_sym d (h T)).
  assert (E1 : dot d w (h T) = tau * z T * dot d w w_in + dot d w (still T)).
  { rewrite (dot_sym d w w_in), (dot_sym d w (still T)), (dot_sym d w).
    rewrite (dot_ext d (h T) w (fun i => tau * z T * w_in i + 1 * still T i) w) by (intros; unfold h, embed, still, add, scal; ring).
    rewrite dot_lin. ring. }
  assert (E2 : dot d (att d H hd h T) w
    = sum H (fun k => tau * (head_gain k * dot (S T) (p k tau z T) z) + dot (S T) (p k tau z T) (rest k))).
  { unfold dot at 1, att.
    rewrite (sum_ext d _ (fun i => sum H (fun k => sum (S T) (fun j => p k tau z T j * ((mv d (OV k) (h j) i + bV k i) * w i))))).
    - rewrite sum_swap. apply sum_ext. intros k _. rewrite sum_swap.
      rewrite (sum_ext (S T) _ (fun j => (tau * head_gain k) * (p k tau z T j * z j) + 1 * (p k tau z T j * rest k j))).
      + rewrite sum_lin. unfold dot. ring.
      + intros j _. rewrite sum_scal. replace (tau * head_gain k * (p k tau z T j * z j) + 1 * (p k tau z T j * rest k j))
          with (p k tau z T j * (tau * z j * head_gain k + rest k j)) by ring. f_equal.
        unfold rest, head_gain. rewrite <- Rplus_assoc.
        rewrite (sum_ext d _ (fun i => 1 * (tau * z j * (w i * mv d (OV k) w_in i) + 1 * (w i * mv d (OV k) (still j) i)) + 1 * (w i * bV k i))).
        * rewrite !sum_lin. unfold dot. ring.
        * intros i _. unfold h. rewrite mv_embed. ring.
    - intros i _. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros k _. rewrite <- sum_scal. apply sum_ext. intros j _.
      unfold p, hd, h. cbn [weights VO vb softmax_head]. ring. }
  rewrite E1, E2. rewrite (sum_ext H _ (fun k => tau * (head_gain k * dot (S T) (p k tau z T) z) + 1 * dot (S T) (p k tau z T) (rest k))) by (intros; ring).
  rewrite sum_lin. ring.
Qed.

(* the answer to the prompt tau z, over tau *)
Theorem one_layer_slope z T hi lo : (hi <= T)%nat -> (lo <= T)%nat -> (forall j, (j <= T)%nat -> z lo <= z j <= z hi) ->
  z T <> 0 -> (forall k, (k < H)%nat -> score_sign k <> 0) ->
  tends (fun tau => one_layer (fun t => tau * z t) T / tau) (slope z T hi lo).
Proof.
  intros Hh Hl Hz Hq HA.
  set (B := Rabs (dot d w (still T)) + Rabs b0 + sum H (fun k => sum (S T) (fun j => Rabs (rest k j)))).
  apply (tends_eventually (fun tau => (dot d w w_in * z T + sum H (fun k => head_gain k * dot (S T) (p k tau z T) z))
    + (dot d w (still T) + b0 + sum H (fun k => dot (S T) (p k tau z T) (rest k))) / tau)).
  { intros tau Ht. rewrite one_layer_form. field. lra. }
  replace (slope z T hi lo) with (slope z T hi lo + 0) by ring.
  apply (tends_add (fun tau => dot d w w_in * z T + sum H (fun k => head_gain k * dot (S T) (p k tau z T) z))).
  - apply (tends_add (fun _ => dot d w w_in * z T)); [apply tends_const|].
    apply (tends_sum H (fun k tau => head_gain k * dot (S T) (p k tau z T) z) (fun k => head_gain k * extreme_of z T hi lo k)).
    intros k Hk. apply (tends_scal (head_gain k) (fun tau => dot (S T) (p k tau z T) z)).
    set (bb := fun j => (z T * dot dh (mv d (WQ k) w_in) (kj k j) + z j * dot dh (qT k T) (mv d (WK k) w_in)) / sqrt (INR dh)).
    set (cc := fun j => dot dh (qT k T) (kj k j) / sqrt (INR dh)).
    apply (tends_eventually (fun tau => dot (S T) (softmax (S T) (fun j => tau * tau * (score_sign k * z T * z j) + tau * bb j + cc j)) z)).
    + intros tau _. apply dot_ext; auto. intros i Hi. unfold p. apply softmax_ext; auto. intros j _. now rewrite score_form.
    + unfold extreme_of. apply extreme; [lia|lia| |].
      * intros j Hj. apply Hz. lia.
      * apply Rmult_integral_contrapositive_currified; auto.
  - apply (tends_over _ B). intros tau. unfold B. eapply Rle_trans; [apply Rabs_triang|].
    apply Rplus_le_compat; [apply Rabs_triang|]. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros k _.
    eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros j Hj. rewrite Rabs_mult.
    assert (P : 0 <= p k tau z T j <= 1).
    { destruct (softmax_stochastic (S T) (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (embed w_in b_in pos (fun t => tau * z t)) T) ltac:(lia)) as [P0 P1].
      split; [now apply P0|]. rewrite <- P1. apply (sum_term (S T) (p k tau z T)); auto. }
    rewrite (Rabs_right (p k tau z T j)) by lra. pose proof (Rabs_pos (rest k j)). nra.
Qed.

(* ---------------------------------------------------- G3': f = a x; tokens x_1, a x_1, .., x_n, a x_n, x_q *)
Definition line_prompt n (x : nat -> R) xq a : nat -> R := fun t =>
  if Nat.eq_dec t (2 * n) then xq else if Nat.even t then x (Nat.div2 t) else a * x (Nat.div2 t).
Section Lines.
Variables (n : nat) (x : nat -> R) (xq : R).
Local Notation z := (line_prompt n x xq).
Lemma same_x a j : Nat.even j = true -> z a j = z 1 j.
Proof. intros E. unfold line_prompt. destruct (Nat.eq_dec j (2 * n)); auto. now rewrite E. Qed.
Lemma last_token a : z a (2 * n)%nat = xq.
Proof. unfold line_prompt. destruct (Nat.eq_dec (2 * n) (2 * n)); [auto|lia]. Qed.
Lemma value_token a j : (j <= 2 * n)%nat -> Nat.even j = false ->
  exists i, (2 * i <= 2 * n)%nat /\ z a j = a * z 1 (2 * i)%nat.
Proof.
  intros Hj Ej. exists (Nat.div2 j). assert (J : j = (2 * Nat.div2 j + 1)%nat).
  { rewrite (Nat.div2_odd j) at 1. now rewrite <- Nat.negb_even, Ej. }
  split; [lia|]. unfold line_prompt. set (i := Nat.div2 j) in *. destruct (Nat.eq_dec j (2 * n)); [lia|].
  destruct (Nat.eq_dec (2 * i) (2 * n)); [lia|]. now rewrite Ej, Nat.even_mul, Nat.div2_double.
Qed.
(* hi and lo mark the extreme ones of the x_i and x_q; where no value a x_i leaves their range, the limit does not see a *)
Variables hi lo : nat.
Hypothesis query : xq <> 0.
Hypothesis scores : forall k, (k < H)%nat -> score_sign k <> 0.
Hypothesis hi_at : (hi <= 2 * n)%nat /\ Nat.even hi = true.
Hypothesis lo_at : (lo <= 2 * n)%nat /\ Nat.even lo = true.
Hypothesis extremes : forall j, (j <= 2 * n)%nat -> Nat.even j = true -> z 1 lo <= z 1 j <= z 1 hi.
Theorem line_limit a : (forall u, z 1 lo <= u <= z 1 hi -> z 1 lo <= a * u <= z 1 hi) ->
  tends (fun tau => one_layer (fun t => tau * z a t) (2 * n) / tau) (slope (z 1) (2 * n) hi lo).
Proof.
  destruct hi_at as [Hh Eh], lo_at as [Hl El]. intros Ha.
  replace (slope (z 1) (2 * n) hi lo) with (slope (z a) (2 * n) hi lo).
  - apply one_layer_slope; auto; [|now rewrite last_token]. intros j Hj. rewrite (same_x a hi), (same_x a lo) by auto.
    destruct (Nat.even j) eqn:Ej; [rewrite (same_x a j) by auto; now apply extremes|].
    destruct (value_token a j Hj Ej) as [i [Hi ->]]. apply Ha, extremes; auto. now rewrite Nat.even_mul.
  - unfold slope, extreme_of. rewrite (last_token a), (last_token 1), (same_x a hi), (same_x a lo) by auto. reflexivity.
Qed.

(* both signs among the inputs: the slopes 0 and 1 (and all between) get one limit, so one of them is missed by half *)
Theorem lines_half_lost : z 1 lo <= 0 <= z 1 hi -> exists L,
  (forall a, 0 <= a <= 1 -> tends (fun tau => one_layer (fun t => tau * z a t) (2 * n) / tau) L) /\
  Rabs xq / 2 <= Rmax (Rabs (L - 0 * xq)) (Rabs (L - 1 * xq)).
Proof.
  intros H0. exists (slope (z 1) (2 * n) hi lo). split.
  - intros a Ha. apply line_limit. intros u Hu. nra.
  - set (L := slope _ _ _ _). pose proof (Rmax_l (Rabs (L - 0 * xq)) (Rabs (L - 1 * xq))).
    pose proof (Rmax_r (Rabs (L - 0 * xq)) (Rabs (L - 1 * xq))).
    pose proof (Rabs_triang (L - 0 * xq) (- (L - 1 * xq))) as T. rewrite Rabs_Ropp in T.
    replace (L - 0 * xq + - (L - 1 * xq)) with xq in T by ring. lra.
Qed.
(* inputs within the same range on both sides: a and -a get one limit, so one of x and -x is missed entirely *)
Theorem lines_all_lost : z 1 lo = - z 1 hi -> exists L,
  (forall a, -1 <= a <= 1 -> tends (fun tau => one_layer (fun t => tau * z a t) (2 * n) / tau) L) /\
  Rabs xq <= Rmax (Rabs (L - -1 * xq)) (Rabs (L - 1 * xq)).
Proof.
  intros H0. exists (slope (z 1) (2 * n) hi lo). split.
  - intros a Ha. apply line_limit. intros u Hu. rewrite H0 in *. nra.
  - set (L := slope _ _ _ _). pose proof (Rmax_l (Rabs (L - -1 * xq)) (Rabs (L - 1 * xq))).
    pose proof (Rmax_r (Rabs (L - -1 * xq)) (Rabs (L - 1 * xq))).
    pose proof (Rabs_triang (L - -1 * xq) (- (L - 1 * xq))) as T. rewrite Rabs_Ropp in T.
    replace (L - -1 * xq + - (L - 1 * xq)) with (2 * xq) in T by ring. rewrite Rabs_mult, (Rabs_right 2) in T by lra. lra.
Qed.
End Lines.
End OneLayer.
