(* S5: which score functions keep an attention output in the hull of its values. Every normalised nonnegative one does
   (hardmax, SSA, kernels); sigmoid and unnormalised linear attention do not, sigmoid keeps the growth of the values. *)
From ICL Require Export Softmax.

(* ------------------------------------------------------------------ normalised: S2 holds *)
Definition normalised n (a : vec) : vec := fun j => a j / sum n a.
Theorem normalised_stochastic n a : (forall j, (j < n)%nat -> 0 <= a j) -> 0 < sum n a -> stochastic n (normalised n a).
Proof.
  intros Ha Hs. pose proof (Rinv_0_lt_compat _ Hs). split.
  - intros j Hj. specialize (Ha j Hj). unfold normalised, Rdiv. nra.
  - unfold normalised. rewrite (sum_ext n _ (fun j => / sum n a * a j)) by (intros; unfold Rdiv; ring).
    rewrite sum_scal. field. lra.
Qed.

(* hardmax: equal weights on the tokens with the largest score *)
Definition winners (s : vec) (m : nat) : vec := fun j => if Req_EM_T (s j) (s m) then 1 else 0.
Theorem hardmax_hull n s l a b m : (m < n)%nat -> (forall j, (j < n)%nat -> a <= l j <= b) ->
  a <= dot n (normalised n (winners s m)) l <= b.
Proof.
  intros Hm. apply hull, normalised_stochastic.
  - intros j _. unfold winners. destruct (Req_EM_T (s j) (s m)); lra.
  - apply Rlt_le_trans with (winners s m m); [unfold winners; destruct (Req_EM_T (s m) (s m)); [lra|congruence]|].
    apply sum_term; auto. intros j _. unfold winners. destruct (Req_EM_T (s j) (s m)); lra.
Qed.

(* SSA: the weight (1 + b|s|)^(k sgn s) *)
Definition ssa b k s := Rpower (1 + b * Rabs s) (if Rle_dec 0 s then k else - k).
Lemma ssa_pos b k s : 0 < ssa b k s.
Proof. apply exp_pos. Qed.
Theorem ssa_hull n b k s l lo hi : (0 < n)%nat -> (forall j, (j < n)%nat -> lo <= l j <= hi) ->
  lo <= dot n (normalised n (fun j => ssa b k (s j))) l <= hi.
Proof.
  intros Hn. apply hull, normalised_stochastic; [intros; left; apply ssa_pos|].
  apply sum_pos; auto. intros. apply ssa_pos.
Qed.
(* for scores in [-B, B] its weights lie in the box of S3 with (1 + bB)^k in place of e^B *)
Theorem ssa_range b k s B : 0 <= b -> 0 <= k -> Rabs s <= B ->
  Rpower (1 + b * B) (- k) <= ssa b k s <= Rpower (1 + b * B) k.
Proof.
  intros Hb Hk Hs. pose proof (Rabs_pos s). set (u := 1 + b * Rabs s).
  assert (U : 1 <= u <= 1 + b * B) by (unfold u; nra).
  assert (A : Rpower u k <= Rpower (1 + b * B) k) by (apply Rle_Rpower_l; lra).
  assert (A0 : 1 <= Rpower u k). { rewrite <- (Rpower_O u) by lra. apply Rle_Rpower; lra. }
  assert (Cn : Rpower (1 + b * B) (- k) <= Rpower u (- k)).
  { rewrite !Rpower_Ropp. apply Rinv_le_contravar; [apply exp_pos|auto]. }
  assert (C1 : Rpower u (- k) <= 1).
  { rewrite Rpower_Ropp, <- Rinv_1. apply Rinv_le_contravar; lra. }
  unfold ssa. fold u. destruct (Rle_dec 0 s); lra.
Qed.

(* ------------------------------------------------------------------ not normalised: S2 is false *)
Definition sigmoid s := / (1 + exp (- s)).
Lemma sigmoid_01 s : 0 < sigmoid s < 1.
Proof.
  pose proof (exp_pos (- s)). unfold sigmoid. split; [apply Rinv_0_lt_compat; lra|].
  rewrite <- Rinv_1. apply Rinv_lt_contravar; lra.
Qed.

(* two tokens of the same value 1: the hull is the point 1, linear attention with scores 1 answers 2 *)
Theorem linear_leaves_hull : let s := fun _ : nat => 1 in let l := fun _ : nat => 1 in dot 2 s l = 2.
Proof. unfold dot. simpl. ring. Qed.
(* no hull at all: the scores are free, so one token of value 1 reaches every real *)
Theorem linear_unbounded y : dot 1 (fun _ => y) (fun _ => 1) = y.
Proof. unfold dot. simpl. ring. Qed.
(* sigmoid: a single token is never reproduced, and many of equal value are exceeded *)
Theorem sigmoid_below_hull s : dot 1 (fun _ => sigmoid s) (fun _ => 1) < 1.
Proof. unfold dot. simpl. pose proof (sigmoid_01 s). lra. Qed.
Theorem sigmoid_above_hull : dot 3 (fun _ => sigmoid 0) (fun _ => 1) = 3 / 2.
Proof. unfold dot, sigmoid. simpl. rewrite Ropp_0, exp_0. field. Qed.

(* what is left for sigmoid: the sum of the negative values to the sum of the positive ones *)
Theorem sigmoid_range n s l :
  sum n (fun j => Rmin (l j) 0) <= dot n (fun j => sigmoid (s j)) l <= sum n (fun j => Rmax (l j) 0).
Proof.
  unfold dot. split; apply sum_le; intros j _; pose proof (sigmoid_01 (s j)).
  - destruct (Rle_dec (l j) 0); [rewrite Rmin_left by lra|rewrite Rmin_right by lra]; nra.
  - destruct (Rle_dec (l j) 0); [rewrite Rmax_right by lra|rewrite Rmax_left by lra]; nra.
Qed.
