(* What removes the limit. W1: the equivariant wrapper around any predictor, its exact symmetry, the transfer of its error to every
   scale, and the ceiling that is left. W2: a transformer that is homogeneous by construction. *)
From ICL Require Export Blocks.
From ICL Require Import Polynomials.
Require Import List FunctionalExtensionality.
Import ListNotations.

(* ------------------------------------------------------------------ W1 *)
Fixpoint largest n (x : vec) : R := match n with O => 0 | S m => Rmax (largest m x) (Rabs (x m)) end.
Lemma largest_pos n x : 0 <= largest n x.
Proof. induction n; simpl; [lra|]. eapply Rle_trans; [exact IHn|apply Rmax_l]. Qed.
Lemma largest_scal n s x : 0 <= s -> largest n (scal s x) = s * largest n x.
Proof.
  intros Hs. induction n; simpl; [ring|]. rewrite IHn. unfold scal. rewrite Rabs_mult, (Rabs_right s) by lra. now apply RmaxRmult.
Qed.
Lemma largest_bound n x i : (i < n)%nat -> Rabs (x i) <= largest n x.
Proof.
  induction n; intros Hi; [lia|]. simpl. destruct (Nat.eq_dec i n) as [->|]; [apply Rmax_r|].
  eapply Rle_trans; [apply IHn; lia|apply Rmax_l].
Qed.

Section Wrapper.
Variable n : nat.                                               (* examples; a predictor sees x_1..x_n, y_1..y_n and the query *)
Variable F : vec -> vec -> R -> R.
Definition span_x (x : vec) xq := Rmax (largest n x) (Rabs xq).
Definition span_y (y : vec) := largest n y.
Definition wrapped (x y : vec) xq := let s := span_x x xq in let q := span_y y in q * F (scal (/ s) x) (scal (/ q) y) (xq / s).

Lemma span_x_scal s x xq : 0 <= s -> span_x (scal s x) (s * xq) = s * span_x x xq.
Proof. intros. unfold span_x. rewrite largest_scal, Rabs_mult, (Rabs_right s) by lra. now apply RmaxRmult. Qed.
Lemma scal_inv s c u : 0 < s -> scal (/ (s * c)) (scal s u) = scal (/ c) u.
Proof. intros. apply functional_extensionality. intros i. unfold scal. rewrite Rinv_mult. rewrite <- Rmult_assoc, (Rmult_comm (/ s * / c)), <- !Rmult_assoc, Rinv_r by lra. ring. Qed.
(* (i) exact in both scales *)
Theorem wrapper_equivariant s q x y xq : 0 < s -> 0 < q -> wrapped (scal s x) (scal q y) (s * xq) = q * wrapped x y xq.
Proof.
  intros Hs Hq. unfold wrapped. cbv zeta. rewrite span_x_scal by lra. unfold span_y at 1 2. rewrite largest_scal by lra. fold (span_y y).
  rewrite !scal_inv by auto. replace (s * xq / (s * span_x x xq)) with (xq / span_x x xq); [ring|].
  unfold Rdiv. rewrite Rinv_mult. transitivity (s * / s * (xq * / span_x x xq)); [rewrite Rinv_r by lra; ring|ring].
Qed.
(* (ii) an error bound on prompts of unit size holds at every size, relative to the largest value seen *)
Definition presents (f : R -> R) (x y : vec) := forall i, (i < n)%nat -> y i = f (x i).
Theorem wrapper_transfer (class : (R -> R) -> Prop) err :
  (forall f s q, class f -> 0 < s -> 0 < q -> class (fun u => f (s * u) / q)) ->
  (forall f x y xq, class f -> presents f x y -> span_x x xq = 1 -> span_y y = 1 -> Rabs (F x y xq - f xq) <= err) ->
  forall f x y xq, class f -> presents f x y -> 0 < span_x x xq -> 0 < span_y y ->
    Rabs (wrapped x y xq - f xq) <= err * span_y y.
Proof.
  intros Hc HF f x y xq Hf Hp Hs Hq. unfold wrapped. cbv zeta. set (s := span_x x xq) in *. set (q := span_y y) in *.
  assert (Is : 0 < / s) by now apply Rinv_0_lt_compat. assert (Iq : 0 < / q) by now apply Rinv_0_lt_compat.
  specialize (HF (fun u => f (s * u) / q) (scal (/ s) x) (scal (/ q) y) (xq / s) (Hc f s q Hf Hs Hq)). cbv beta in HF.
  replace (f (s * (xq / s))) with (f xq) in HF by (f_equal; field; lra).
  replace (q * F (scal (/ s) x) (scal (/ q) y) (xq / s) - f xq)
    with (q * (F (scal (/ s) x) (scal (/ q) y) (xq / s) - f xq / q)) by (field; lra).
  rewrite Rabs_mult, (Rabs_right q), Rmult_comm by lra. apply Rmult_le_compat_r; [lra|]. apply HF.
  - intros i Hi. unfold scal. rewrite Hp by auto. replace (s * (/ s * x i)) with (x i) by (field; lra). unfold Rdiv. ring.
  - replace (xq / s) with (/ s * xq) by (unfold Rdiv; ring). rewrite span_x_scal by lra. fold s. field. lra.
  - unfold span_y. rewrite largest_scal by lra. fold (span_y y). fold q. field. lra.
Qed.
(* polynomials of degree at most k are such a class *)
Definition of_degree k (f : R -> R) := exists c, forall u, f u = Polynomials.poly k c u.
Theorem polynomials_closed k f s q : of_degree k f -> 0 < s -> 0 < q -> of_degree k (fun u => f (s * u) / q).
Proof.
  intros [c Hc] Hs Hq. exists (fun i => c i * s ^ i / q). intros u. rewrite Hc. unfold Polynomials.poly, Rdiv. rewrite Rmult_comm, <- sum_scal.
  apply sum_ext. intros. rewrite Rpow_mult_distr. ring.
Qed.
(* the ceiling moves with the largest value seen; what lies above it is still lost *)
Theorem wrapper_ceiling lo hi x y xq : (forall x y xq, lo <= F x y xq <= hi) ->
  Rabs (wrapped x y xq) <= span_y y * Rmax (Rabs lo) (Rabs hi).
Proof.
  intros H. unfold wrapped. cbv zeta. pose proof (largest_pos n y : 0 <= span_y y) as Q. rewrite Rabs_mult, (Rabs_right (span_y y)) by lra.
  apply Rmult_le_compat_l; auto. specialize (H (scal (/ span_x x xq) x) (scal (/ span_y y) y) (xq / span_x x xq)).
  pose proof (Rmax_l (Rabs lo) (Rabs hi)). pose proof (Rmax_r (Rabs lo) (Rabs hi)). pose proof (Rle_abs hi). pose proof (Rle_abs (- lo)) as A.
  rewrite Rabs_Ropp in A. apply Rabs_le. lra.
Qed.
End Wrapper.

(* ------------------------------------------------------------------ W2 *)
(* no bias, queries and keys from h/|h|, raw values, ReLU-like activation, linear readout, no norm; the weights of a head may
   depend on the directions of all tokens and on all positions in any way *)
Section Homogeneous.
Variable d : nat.
Inductive layer :=
| Attend (H : nat) (pattern : nat -> stream -> nat -> nat -> R) (OV : nat -> mat)
| Unit (m : nat) (W1 : mat) (act : R -> R) (W2 : mat).
Definition direction_of (h : stream) : stream := fun t => scal (/ norm d (h t)) (h t).
Definition step (l : layer) (h : stream) : stream := match l with
  | Attend H pattern OV => fun t i => sum H (fun k => sum (S t) (fun j => pattern k (direction_of h) t j * mv d (OV k) (h j) i))
  | Unit m W1 act W2 => fun t i => sum m (fun k => act (dot d (W1 k) (h t)) * W2 i k) end.
Fixpoint through (net : list layer) (h : stream) : stream :=
  match net with [] => h | l :: net' => through net' (fun t => add (h t) (step l h t)) end.
Definition homogeneous (l : layer) := match l with Attend _ _ _ => True | Unit _ _ act _ => forall s u, 0 < s -> act (s * u) = s * act u end.
Definition times s (h : stream) : stream := fun t => scal s (h t).

Lemma direction_times s h : 0 < s -> direction_of (times s h) = direction_of h.
Proof.
  intros Hs. apply functional_extensionality. intros t. unfold direction_of, times. rewrite norm_scal, (Rabs_right s) by lra. now apply scal_inv.
Qed.
Lemma mv_times A s u i : mv d A (scal s u) i = s * mv d A u i.
Proof. unfold mv. now rewrite (dot_sym d (A i)), dot_scal, (dot_sym d u). Qed.
Theorem layer_homogeneous l s h : homogeneous l -> 0 < s -> step l (times s h) = times s (step l h).
Proof.
  intros Hl Hs. apply functional_extensionality. intros t. apply functional_extensionality. intros i. unfold times at 2, scal at 1.
  destruct l as [H pattern OV|m W1 act W2]; cbn [step].
  - rewrite <- sum_scal. apply sum_ext. intros k _. cbv beta. rewrite <- sum_scal. apply sum_ext. intros j _.
    rewrite direction_times by auto. unfold times. rewrite mv_times. ring.
  - rewrite <- sum_scal. apply sum_ext. intros k _. unfold times. rewrite (dot_sym d (W1 k)), dot_scal, (dot_sym d (h t)).
    simpl in Hl. rewrite Hl by auto. ring.
Qed.
Theorem network_homogeneous net s h : Forall homogeneous net -> 0 < s -> through net (times s h) = times s (through net h).
Proof.
  intros HF Hs. revert h. induction HF as [|l net Hl HF IH]; intros h; simpl; auto.
  rewrite <- IH. f_equal. rewrite layer_homogeneous by auto. apply functional_extensionality. intros t.
  apply functional_extensionality. intros i. unfold times, add, scal. ring.
Qed.

Variables (net : list layer) (w_in w : vec).
Definition predict (z : nat -> R) T := dot d w (through net (fun t => scal (z t) w_in) T).
Theorem predict_homogeneous s z T : Forall homogeneous net -> 0 < s -> predict (fun t => s * z t) T = s * predict z T.
Proof.
  intros HF Hs. unfold predict. replace (fun t => scal (s * z t) w_in) with (times s (fun t => scal (z t) w_in)).
  - rewrite network_homogeneous by auto. unfold times. now rewrite (dot_sym d w), dot_scal, (dot_sym d _ w).
  - apply functional_extensionality. intros t. apply functional_extensionality. intros i. unfold times, scal. ring.
Qed.
(* so its error on a line scales with the prompt: the relative error is the same at every scale *)
Theorem error_homogeneous s z T a : Forall homogeneous net -> 0 < s ->
  Rabs (predict (fun t => s * z t) T - a * (s * z T)) = s * Rabs (predict z T - a * z T).
Proof.
  intros HF Hs. rewrite predict_homogeneous by auto. rewrite <- (Rabs_right s) at 3 by lra. rewrite <- Rabs_mult. f_equal. ring.
Qed.
End Homogeneous.
(* ReLU is such an activation; a bias breaks it *)
Theorem relu_homogeneous s u : 0 < s -> Rmax 0 (s * u) = s * Rmax 0 u.
Proof. intros. rewrite <- (Rmult_0_r s) at 1. apply RmaxRmult. lra. Qed.
Theorem bias_breaks : Rmax 0 (2 * 1 + 1) <> 2 * Rmax 0 (1 + 1).
Proof. rewrite !Rmax_right; lra. Qed.
