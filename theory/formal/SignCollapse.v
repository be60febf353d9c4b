(* N6: scale the whole prompt by tau. At every layer a token's LayerNorm tends to one of two vectors, by its sign; so every
   attention pattern tends to one that knows signs only, and the prediction to one of two numbers. *)
From ICL Require Export Limits Cone FarQuery.
Require Import List FunctionalExtensionality.
Import ListNotations.

Definition sg (x : R) := if Rle_dec 0 x then 1 else -1.
Lemma sg_abs x : sg x * Rabs x = x.
Proof. unfold sg. destruct (Rle_dec 0 x); [rewrite Rabs_right by lra|rewrite Rabs_left by lra]; ring. Qed.
Lemma sg_cases x : sg x = 1 \/ sg x = -1.
Proof. unfold sg. destruct (Rle_dec 0 x); auto. Qed.

Lemma tends_softmax n (s : R -> vec) l i : (i < n)%nat -> (forall j, (j < n)%nat -> tends (fun tau => s tau j) (l j)) ->
  tends (fun tau => softmax n (s tau) i) (softmax n l i).
Proof.
  intros Hi H. unfold softmax, Rdiv. apply (tends_mul (fun tau => exp (s tau i))); [apply tends_exp; auto|].
  apply (tends_inv (fun tau => sum n (fun j => exp (s tau j)))).
  - apply Rgt_not_eq, sum_exp_pos. lia.
  - apply (tends_sum n (fun j tau => exp (s tau j)) (fun j => exp (l j))). intros j Hj. apply (tends_exp (fun tau => s tau j)); auto.
Qed.

Section SignCollapse.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.
Variables (w_in b_in : vec) (pos : nat -> vec) (Rp : R).
Hypothesis pos_bound : forall T, norm d (P d (add b_in (pos T))) <= Rp.
Hypothesis w_in_pos : 0 < norm d (P d w_in).

Lemma far_sign s i : s = 1 \/ s = -1 -> far d (scal s w_in) i = s * far d w_in i.
Proof.
  intros Hs. unfold far. rewrite normP_scal by auto. rewrite (P_scal d d_pos s w_in i). unfold scal.
  destruct Hs as [-> | ->]; [rewrite Rabs_R1|rewrite Rabs_left by lra]; field; lra.
Qed.

(* layers net of a network, read through the next LayerNorm *)
Definition seen net g b (z : nat -> R) tau : stream := fun t => LNa d eps g b (run d eps net (embed w_in b_in pos (fun t => tau * z t)) t).
Definition sign_token (g b : vec) s : vec := fun i => g i * (s * far d w_in i) + b i.
Theorem layer_forgets net g b z t i : Forall ok net -> z t <> 0 -> (i < d)%nat ->
  tends (fun tau => seen net g b z tau t i) (sign_token g b (sg (z t)) i).
Proof.
  intros Hok Hz Hi. destruct (net_bounded d d_pos eps eps_pos net Hok) as [Ks HF].
  set (s := sg (z t)). assert (Hs : s = 1 \/ s = -1) by apply sg_cases. pose proof (Rabs_pos_lt _ Hz) as Az.
  set (R0 := Rtot Ks Rp). set (v := scal s w_in).
  assert (Nv : norm d (P d v) = norm d (P d w_in)).
  { unfold v. rewrite normP_scal by auto. destruct Hs as [-> | ->]; [rewrite Rabs_R1|rewrite Rabs_left by lra]; ring. }
  set (Q := radius d eps R0 / (Rabs (z t) * norm d (P d w_in))).
  assert (Q0 : 0 <= Q). { apply Rmult_le_pos; [apply sqrt_pos|left; apply Rinv_0_lt_compat; nra]. }
  apply (tends_rate _ _ (Rabs (g i) * (sqrt D * (sqrt 2 * Q))) (1 + Q)). intros tau Ht.
  set (h := embed w_in b_in pos (fun t => tau * z t)).
  set (r := add (add b_in (pos t)) (add (run d eps net h t) (scal (-1) (h t)))).
  assert (Hr : norm d (P d r) <= R0).
  { eapply Rle_trans; [now apply normP_add|]. apply Rplus_le_compat; [apply pos_bound|]. now apply run_bounded. }
  assert (E : run d eps net h t = ray (tau * Rabs (z t)) v r).
  { apply functional_extensionality. intros k. unfold ray, r, v, h, embed, add, scal.
    replace (tau * Rabs (z t) * (s * w_in k)) with (tau * (s * Rabs (z t)) * w_in k) by ring. unfold s. rewrite sg_abs. ring. }
  unfold seen, sign_token. fold h. rewrite E. unfold LNa. rewrite <- (far_sign s i Hs). fold v.
  replace (g i * LN d eps (ray (tau * Rabs (z t)) v r) i + b i - (g i * far d v i + b i))
    with (g i * (1 * LN d eps (ray (tau * Rabs (z t)) v r) i + -1 * far d v i)) by ring.
  rewrite Rabs_mult. unfold Rdiv. rewrite Rmult_assoc. apply Rmult_le_compat_l; [apply Rabs_pos|].
  assert (Pt : 0 < tau * Rabs (z t)) by nra.
  assert (Bd : radius d eps R0 < tau * Rabs (z t) * norm d (P d v)).
  { rewrite Nv, Rmult_assoc. assert (Qt : Q < tau) by lra. apply (Rmult_lt_compat_r (Rabs (z t) * norm d (P d w_in))) in Qt; [|nra].
    unfold Q, Rdiv in Qt. rewrite Rmult_assoc, Rinv_l in Qt by nra. lra. }
  eapply Rle_trans; [apply (coord_le_norm d (fun i => 1 * LN d eps (ray (tau * Rabs (z t)) v r) i + -1 * far d v i) i Hi)|].
  eapply Rle_trans; [now apply (ray_limit_cone d d_pos eps v r R0)|]. rewrite Rmult_assoc. apply Rmult_le_compat_l; [apply sqrt_pos|].
  pose proof (sine_01 d eps v R0 _ Bd) as S01. eapply Rle_trans; [apply half_angle_le; lra|].
  rewrite Rmult_assoc. apply Rmult_le_compat_l; [apply sqrt_pos|]. right. unfold sine. rewrite Nv. unfold Q. field. lra.
Qed.

(* the pattern of a softmax head in any layer: s holds the signs of the tokens; sizes, values and positions are forgotten *)
Theorem attention_forgets net g b dh WQ bQ WK bK OV bV (s : nat -> R) T j : Forall ok net -> (j <= T)%nat ->
  exists p, forall z, (forall t, (t <= T)%nat -> z t <> 0 /\ sg (z t) = s t) ->
    tends (fun tau => weights (softmax_head (qk_score d dh WQ bQ WK bK) OV bV) (seen net g b z tau) T j) p.
Proof.
  intros Hok Hj. exists (softmax (S T) (qk_score d dh WQ bQ WK bK (fun t => sign_token g b (s t)) T) j). intros z Hz.
  cbn [weights softmax_head]. apply (tends_softmax (S T) (fun tau => qk_score d dh WQ bQ WK bK (seen net g b z tau) T)); [lia|].
  intros k Hk. unfold qk_score, Rdiv. rewrite (Rmult_comm (dot _ _ _)).
  apply (tends_ext (fun tau => / sqrt (INR dh) * dot dh (add (mv d WQ (seen net g b z tau T)) bQ) (add (mv d WK (seen net g b z tau k)) bK))); [intros; ring|].
  assert (A : forall (M : mat) c t i, (t <= T)%nat -> tends (fun tau => add (mv d M (seen net g b z tau t)) c i) (add (mv d M (sign_token g b (s t))) c i)).
  { intros M c t i Ht. apply (tends_add (fun tau => mv d M (seen net g b z tau t) i) (fun _ => c i)); [|apply tends_const].
    apply (tends_dot d (fun _ => M i) (fun tau => seen net g b z tau t)); [intros; apply tends_const|].
    intros l Hl. destruct (Hz t Ht) as [Z0 <-]. now apply layer_forgets. }
  apply (tends_scal (/ sqrt (INR dh)) (fun tau => dot dh (add (mv d WQ (seen net g b z tau T)) bQ) (add (mv d WK (seen net g b z tau k)) bK))).
  apply (tends_dot dh (fun tau => add (mv d WQ (seen net g b z tau T)) bQ) (fun tau => add (mv d WK (seen net g b z tau k)) bK)); intros; apply A; lia.
Qed.

(* the prediction: two numbers for all prompts *)
Theorem sign_collapse net w g b b0 z T : Forall ok net -> z T <> 0 ->
  tends (fun tau => readout d eps w g b b0 (run d eps net (embed w_in b_in pos (fun t => tau * z t)) T))
    (y_inf d (scal (sg (z T)) w_in) w g b b0).
Proof.
  intros Hok Hz. unfold y_inf, plateau, centre. set (s := sg (z T)).
  replace (b0 + dot d w b + dot d (P d (mul g w)) (far d (scal s w_in))) with (dot d w (sign_token g b s) + b0).
  - unfold readout. apply (tends_add (fun tau => dot d w (seen net g b z tau T)) (fun _ => b0)); [|apply tends_const].
    apply (tends_dot d (fun _ => w) (fun tau => seen net g b z tau T)); [intros; apply tends_const|]. intros. now apply layer_forgets.
  - assert (Hs : s = 1 \/ s = -1) by apply sg_cases.
    assert (F0 : sum d (far d (scal s w_in)) = 0).
    { unfold far. rewrite sum_scal, sum_scal, sum_P by auto. ring. }
    rewrite (dot_sym d (P d (mul g w))), dot_P by auto. unfold dot, sign_token.
    rewrite (sum_ext d _ (fun i => 1 * (far d (scal s w_in) i * mul g w i) + 1 * (w i * b i))).
    + rewrite sum_lin. ring.
    + intros i _. rewrite far_sign by auto. unfold mul. ring.
Qed.
End SignCollapse.
