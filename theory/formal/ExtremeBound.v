(* G3 with its bound, for every prompt: a softmax average of n tokens whose scores favour the extreme token by slope |a| up to noise P is
   within V/|a| of it, V = W((n-1) e^(P-1)) Lambert's W: V e^V = (n-1) e^(P-1); attained. Hardmax: P/|a|. Assembled for one layer. *)
From ICL Require Export AnyLayer Scores.
Require List.
Import List.ListNotations.

(* Lambert's W *)
Theorem lambert c : 0 <= c -> exists V, 0 <= V /\ V * exp V = c.
Proof.
  intros Hc. assert (C : continuity (fun u => u * exp u - c)) by (intros x; apply derivable_continuous_pt; reg).
  assert (E : 1 <= exp c) by (rewrite <- exp_0; apply exp_le; lra).
  destruct (IVT_cor (fun u => u * exp u - c) 0 c C Hc) as [V [V0 V1]]; [nra|]. exists V. lra.
Qed.
Lemma tangent u : 1 + u <= exp u.
Proof. destruct (Req_dec u 0) as [->|N]; [rewrite exp_0; lra|]. left. now apply exp_ineq1. Qed.

(* one token at gap x, with noise P in its favour *)
Lemma one_pull x P V : (x - V) * exp (P - x) <= exp (P - 1 - V).
Proof.
  replace (P - 1 - V) with (P - x + (x - V - 1)) by ring. rewrite exp_plus, (Rmult_comm (x - V)).
  apply Rmult_le_compat_l; [left; apply exp_pos|]. pose proof (tangent (x - V - 1)). lra.
Qed.
Section Average.
Variables (n m : nat) (s z : vec) (a P V : R).
Hypothesis m_in : (m < n)%nat.
Hypothesis a_pos : 0 < a.
Hypothesis extreme : forall j, (j < n)%nat -> z j <= z m.
Hypothesis favour : forall j, (j < n)%nat -> s j - s m <= a * (z j - z m) + P.
Theorem softmax_extreme : 0 <= V -> (INR n - 1) * exp (P - 1) <= V * exp V -> 0 <= z m - dot n (softmax n s) z <= V / a.
Proof.
  intros HV EV. set (w := fun j => exp (s j - s m)). assert (N0 : (0 < n)%nat) by lia.
  assert (Z : 0 < sum n w) by (apply sum_pos; auto; intros; apply exp_pos). set (x := fun j => a * (z m - z j)).
  assert (X : sum n (fun j => (x j - V) * w j) <= 0).
  { rewrite (sum_split n _ m m_in).
    replace ((x m - V) * w m) with (- V) by (unfold x, w; replace (s m - s m) with 0 by ring; rewrite exp_0; ring).
    enough (Q : sum n (fun j => if Nat.eq_dec j m then 0 else (x j - V) * w j) <= sum n (fun j => if Nat.eq_dec j m then 0 else exp (P - 1 - V))).
    { pose proof (sum_split n (fun _ => exp (P - 1 - V)) m m_in) as C. rewrite sum_const in C.
      assert (E : (INR n - 1) * exp (P - 1 - V) <= V); [|lra]. unfold Rminus at 2. rewrite exp_plus, <- Rmult_assoc.
      apply (Rmult_le_compat_r (exp (- V))) in EV; [|left; apply exp_pos]. rewrite (Rmult_assoc V), <- (exp_plus V), Rplus_opp_r, exp_0 in EV. lra. }
    apply sum_le. intros j Hj. destruct (Nat.eq_dec j m); [lra|]. specialize (extreme j Hj). specialize (favour j Hj).
    destruct (Rle_dec (x j) V) as [L|L].
    - apply Rle_trans with 0; [|left; apply exp_pos]. pose proof (exp_pos (s j - s m)). unfold w. nra.
    - eapply Rle_trans; [|apply (one_pull (x j) P V)]. apply Rmult_le_compat_l; [lra|]. apply exp_le. unfold x. lra. }
  assert (A : dot n (softmax n s) z = wmean n w z).
  { rewrite softmax_wmean by auto. unfold wmean, w.
    rewrite (sum_ext n (fun j => exp (s j - s m) * z j) (fun j => exp (- s m) * (exp (s j) * z j))),
      (sum_ext n (fun j => exp (s j - s m)) (fun j => exp (- s m) * exp (s j))) by (intros; unfold Rminus; rewrite exp_plus; ring).
    rewrite !sum_scal. pose proof (exp_pos (- s m)). pose proof (sum_exp_pos n s N0). field. lra. }
  split; [pose proof (softmax_gap n s z m m_in extreme); lra|].
  rewrite (sum_ext n _ (fun j => (a * z m - V) * w j + - a * (w j * z j))) in X by (intros; unfold x; ring). rewrite sum_lin in X.
  rewrite A. unfold wmean. apply Rmult_le_reg_r with (a * sum n w); [nra|].
  replace ((z m - sum n (fun j => w j * z j) / sum n w) * (a * sum n w)) with (a * (z m * sum n w - sum n (fun j => w j * z j))) by (field; lra).
  replace (V / a * (a * sum n w)) with (V * sum n w) by (field; lra). lra.
Qed.
(* hardmax: only tokens of the largest score count, and these are within P/a of the extreme one *)
Theorem hardmax_extreme top : (top < n)%nat -> (forall j, (j < n)%nat -> s j <= s top) ->
  0 <= z m - dot n (normalised n (winners s top)) z <= P / a.
Proof.
  intros Ht Hs. set (p := normalised n (winners s top)).
  assert (W : 0 < sum n (winners s top)).
  { apply Rlt_le_trans with (winners s top top); [unfold winners; destruct (Req_EM_T (s top) (s top)); [lra|congruence]|].
    apply sum_term; auto. intros j _. unfold winners. destruct (Req_EM_T (s j) (s top)); lra. }
  assert (St : stochastic n p) by (apply normalised_stochastic; auto; intros j _; unfold winners; destruct (Req_EM_T (s j) (s top)); lra).
  destruct St as [P0 P1]. assert (E : z m - dot n p z = sum n (fun j => p j * (z m - z j))).
  { rewrite (sum_ext n (fun j => p j * (z m - z j)) (fun j => z m * p j + -1 * (p j * z j))) by (intros; ring).
    rewrite sum_lin, P1. unfold dot. ring. }
  rewrite E. split.
  - apply sum_nonneg. intros j Hj. specialize (P0 j Hj). specialize (extreme j Hj). nra.
  - rewrite <- (Rmult_1_l (P / a)), <- P1, Rmult_comm, <- sum_scal. apply sum_le. intros j Hj. specialize (P0 j Hj).
    destruct (Req_EM_T (s j) (s top)) as [T|T].
    + rewrite Rmult_comm. apply Rmult_le_compat_r; auto. specialize (favour j Hj). specialize (Hs m m_in).
      apply Rmult_le_reg_r with a; auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
    + replace (p j) with 0; [lra|]. unfold p, normalised, winners. destruct (Req_EM_T (s j) (s top)); [tauto|]. unfold Rdiv. ring.
Qed.
End Average.

(* attained: n - 1 tokens at gap (1 + V)/a, all the noise in their favour *)
Theorem softmax_extreme_sharp n a P V : 0 < a -> 0 <= V -> V * exp V = INR n * exp (P - 1) ->
  let z := fun j => match j with O => 0 | S _ => - ((1 + V) / a) end in let s := fun j => match j with O => 0 | S _ => P - (1 + V) end in
  z O - dot (S n) (softmax (S n) s) z = V / a.
Proof.
  intros Ha HV EV z s. rewrite softmax_wmean by lia. unfold wmean. rewrite !sum_front. simpl (z O). simpl (s O). rewrite exp_0.
  rewrite (sum_ext n _ (fun _ => exp (P - (1 + V)) * - ((1 + V) / a))) by auto.
  rewrite (sum_ext n (fun i => exp (s (S i))) (fun _ => exp (P - (1 + V)))) by auto.
  rewrite !sum_const. assert (E : INR n * exp (P - (1 + V)) = V).
  { replace (P - (1 + V)) with (P - 1 + - V) by ring. rewrite exp_plus, <- Rmult_assoc, <- EV, exp_Ropp. field. pose proof (exp_pos V). lra. }
  rewrite <- Rmult_assoc, E. field. lra.
Qed.

(* both signs of a: hi and lo mark the largest and the smallest token *)
Definition extreme_end (a : R) (z : vec) hi lo := if Rlt_dec 0 a then z hi else z lo.
Definition spread_by n (s z : vec) a P := forall i j, (i < n)%nat -> (j < n)%nat -> s j - s i <= a * (z j - z i) + P.
Lemma opposite n p (z : vec) : dot n p (fun j => - z j) = - dot n p z.
Proof. rewrite dot_sym, (dot_ext n (fun j => - z j) p (scal (-1) z) p) by (auto; intros; unfold scal; ring). rewrite dot_scal, dot_sym. ring. Qed.
Section Ends.
Variables (n hi lo : nat) (s z : vec) (a P : R).
Hypothesis hi_in : (hi < n)%nat.
Hypothesis lo_in : (lo < n)%nat.
Hypothesis ends : forall j, (j < n)%nat -> z lo <= z j <= z hi.
Hypothesis a_not : a <> 0.
Hypothesis noise : spread_by n s z a P.
Lemma either p B : (forall m y c, (m < n)%nat -> 0 < c -> (forall j, (j < n)%nat -> y j <= y m) ->
  (forall j, (j < n)%nat -> s j - s m <= c * (y j - y m) + P) ->
  0 <= y m - dot n p y <= B / c) -> Rabs (dot n p z - extreme_end a z hi lo) <= B / Rabs a.
Proof.
  intros H. unfold extreme_end. destruct (Rlt_dec 0 a) as [L|L].
  - rewrite (Rabs_right a) by lra. destruct (H hi z a hi_in L) as [H0 H1]; [intros; now apply ends|intros; now apply noise|]. apply Rabs_le. lra.
  - rewrite (Rabs_left a) by lra. destruct (H lo (fun j => - z j) (- a) lo_in) as [H0 H1]; [lra|intros j Hj; specialize (ends j Hj); lra| |].
    + intros j Hj. specialize (noise lo j lo_in Hj). lra.
    + rewrite opposite in H0, H1. apply Rabs_le. lra.
Qed.
Theorem softmax_ends V : 0 <= V -> (INR n - 1) * exp (P - 1) <= V * exp V -> Rabs (dot n (softmax n s) z - extreme_end a z hi lo) <= V / Rabs a.
Proof. intros HV EV. apply either. intros m y c Hm Hc Hy Hs. now apply (softmax_extreme n m s y c P V). Qed.
Theorem hardmax_ends top : (top < n)%nat -> (forall j, (j < n)%nat -> s j <= s top) ->
  Rabs (dot n (normalised n (winners s top)) z - extreme_end a z hi lo) <= P / Rabs a.
Proof. intros Ht Hs. apply either. intros m y c Hm Hc Hy Hf. now apply (hardmax_extreme n m s y c P). Qed.
End Ends.

(* ------------------------------------------------------------------ one layer of softmax attention, any prompt *)
Section Layer.
Variables (d dh H : nat) (WQ WK OV : nat -> mat) (bQ bK bV : nat -> vec) (w_in b_in w : vec) (pos : nat -> vec) (b0 : R).
Let hd k := softmax_head (qk_score d dh (WQ k) (bQ k) (WK k) (bK k)) (OV k) (bV k).
Local Notation answer := (one_layer d dh H WQ WK OV bQ bK bV w_in b_in w pos b0).
Let q k T := add (mv d (WQ k) (add b_in (pos T))) (bQ k).
Let key k j := add (mv d (WK k) (add b_in (pos j))) (bK k).
Definition tilt k (z : nat -> R) T := score_sign d dh WQ WK w_in k * z T + dot dh (q k T) (mv d (WK k) w_in) / sqrt (INR dh).  (* A_h z_q + B_h *)
Definition position_noise k (z : nat -> R) T : vec := fun j =>                                                              (* z_q C_j + E_j *)
  z T * (dot dh (mv d (WQ k) w_in) (key k j) / sqrt (INR dh)) + dot dh (q k T) (key k j) / sqrt (INR dh).
Definition position_value k : vec := fun j => dot d w (add (mv d (OV k) (add b_in (pos j))) (bV k)).
Lemma plain_score k z T j : qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (embed w_in b_in pos z) T j = tilt k z T * z j + position_noise k z T j.
Proof.
  assert (E1 : (fun t => 1 * z t) = z) by (apply FunctionalExtensionality.functional_extensionality; intros; ring).
  pose proof (score_form d dh WQ WK bQ bK w_in b_in pos k 1 z T j) as E. rewrite E1 in E. rewrite E.
  unfold tilt, position_noise, q, key, Rdiv. ring.
Qed.
Definition form z T hi lo := dot d w w_in * z T + sum H (fun k => head_gain d OV w_in w k * extreme_end (tilt k z T) z hi lo)
  + dot d w (add b_in (pos T)) + b0.
Definition slack z T (V : vec) := sum H (fun k => Rabs (head_gain d OV w_in w k) * (V k / Rabs (tilt k z T))).
Theorem extreme_bound z T hi lo (P V low high : vec) : (hi <= T)%nat -> (lo <= T)%nat -> (forall j, (j <= T)%nat -> z lo <= z j <= z hi) ->
  (forall k, (k < H)%nat -> tilt k z T <> 0) ->
  (forall k i j, (k < H)%nat -> (i <= T)%nat -> (j <= T)%nat -> position_noise k z T j - position_noise k z T i <= P k) ->
  (forall k, (k < H)%nat -> 0 <= V k /\ INR T * exp (P k - 1) <= V k * exp (V k)) ->
  (forall k j, (k < H)%nat -> (j <= T)%nat -> low k <= position_value k j <= high k) ->
  form z T hi lo + sum H low - slack z T V <= answer z T <= form z T hi lo + sum H high + slack z T V.
Proof.
  intros Hh Hl Hz Ht HP HV Hr. unfold form, slack.
  apply (any_layer_bound d H hd w_in b_in w pos b0 z T (fun k => extreme_end (tilt k z T) z hi lo)
    (fun k => V k / Rabs (tilt k z T)) low high); auto.
  intros k Hk. destruct (HV k Hk) as [V0 V1]. apply (softmax_ends (S T) hi lo _ z (tilt k z T) (P k)); auto; try lia.
  - intros j Hj. apply Hz. lia.
  - intros i j Hi Hj. rewrite !plain_score. specialize (HP k i j Hk ltac:(lia) ltac:(lia)). lra.
  - rewrite S_INR. replace (INR T + 1 - 1) with (INR T) by ring. auto.
Qed.

(* the same with hardmax in place of softmax: P in place of V *)
Fixpoint best (s : vec) n := match n with O => O | S m => if Rle_dec (s (best s m)) (s (S m)) then S m else best s m end.
Lemma best_in s n : (best s n <= n)%nat /\ forall j, (j <= n)%nat -> s j <= s (best s n).
Proof.
  induction n as [|n [B1 B2]]; [split; auto; intros j Hj; replace j with O by lia; simpl; lra|]. simpl best.
  destruct (Rle_dec (s (best s n)) (s (S n))) as [L|L]; split; try lia; intros j Hj; destruct (Nat.eq_dec j (S n)) as [->|N]; try lra;
  specialize (B2 j ltac:(lia)); lra.
Qed.
Lemma hardmax_stochastic s n : stochastic (S n) (normalised (S n) (winners s (best s n))).
Proof.
  destruct (best_in s n) as [B _]. apply normalised_stochastic; [intros j _; unfold winners; destruct (Req_EM_T _ _); lra|].
  apply Rlt_le_trans with (winners s (best s n) (best s n)); [unfold winners; destruct (Req_EM_T _ _); [lra|congruence]|].
  apply sum_term; [intros j _; unfold winners; destruct (Req_EM_T _ _); lra|lia].
Qed.
Definition hardmax_head score VO vb : head :=
  {| weights := fun z t => normalised (S t) (winners (score z t) (best (score z t) t));
     weights_ok := fun z t => hardmax_stochastic (score z t) t;
     VO := VO; vb := vb |}.
Let hard k := hardmax_head (qk_score d dh (WQ k) (bQ k) (WK k) (bK k)) (OV k) (bV k).
Definition hardmax_layer := any_layer d H hard w_in b_in w pos b0.
Theorem hardmax_bound z T hi lo (P low high : vec) : (hi <= T)%nat -> (lo <= T)%nat -> (forall j, (j <= T)%nat -> z lo <= z j <= z hi) ->
  (forall k, (k < H)%nat -> tilt k z T <> 0) ->
  (forall k i j, (k < H)%nat -> (i <= T)%nat -> (j <= T)%nat -> position_noise k z T j - position_noise k z T i <= P k) ->
  (forall k j, (k < H)%nat -> (j <= T)%nat -> low k <= position_value k j <= high k) ->
  form z T hi lo + sum H low - slack z T P <= hardmax_layer z T <= form z T hi lo + sum H high + slack z T P.
Proof.
  intros Hh Hl Hz Ht HP Hr. unfold form, slack.
  apply (any_layer_bound d H hard w_in b_in w pos b0 z T (fun k => extreme_end (tilt k z T) z hi lo)
    (fun k => P k / Rabs (tilt k z T)) low high); auto.
  intros k Hk. destruct (best_in (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (embed w_in b_in pos z) T) T) as [B1 B2].
  apply (hardmax_ends (S T) hi lo _ z (tilt k z T) (P k)); auto; try lia; try (intros j Hj; (apply Hz || apply B2); lia).
  intros i j Hi Hj. rewrite !plain_score. specialize (HP k i j Hk ltac:(lia) ltac:(lia)). lra.
Qed.
End Layer.
