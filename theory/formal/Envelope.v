(* G2: without LayerNorm, the affine envelope; it loses every quadratic. *)
From ICL Require Export Network.
Require Import List.
Import ListNotations.

Section Envelope.
Variable d : nat.
Local Notation att := (att d).
Local Notation mlp := (mlp d).

Definition gupdate (B : block) (h : stream) : stream :=
  match B with
  | Attn _ _ H hd => att H hd h
  | Mlp _ _ m W1 b1 act W2 b2 => fun t => mlp m W1 b1 act W2 b2 (h t)
  end.
Fixpoint grun (net : list block) (h : stream) : stream :=
  match net with [] => h | B :: net' => grun net' (fun t => add (h t) (gupdate B h t)) end.
Definition grows (B : block) (a k : R) := 0 <= a /\ 0 <= k /\ forall h t M, (forall s, (s <= t)%nat -> norm d (h s) <= M) ->
  norm d (gupdate B h t) <= a + k * M.

Theorem attn_grows g b H hd :
  grows (Attn g b H hd) (sum H (fun k => norm d (vb (hd k)))) (sum H (fun k => frob d d (VO (hd k)))).
Proof.
  split; [apply sum_nonneg; intros; apply norm_pos|]. split; [apply sum_nonneg; intros; apply sqrt_pos|].
  intros h t M HM. simpl. unfold att.
  eapply Rle_trans; [apply (norm_sum d H (fun k i => sum (S t) (fun j => weights (hd k) h t j * (mv d (VO (hd k)) (h j) i + vb (hd k) i))))|].
  rewrite (Rmult_comm _ M), <- sum_scal, <- sum_add. apply sum_le. intros k Hk.
  apply (hull_norm (S t) d _ (fun j i => mv d (VO (hd k)) (h j) i + vb (hd k) i)); [apply weights_ok|].
  intros j Hj. eapply Rle_trans; [apply (norm_add d (mv d (VO (hd k)) (h j)) (vb (hd k)))|].
  pose proof (mv_bound d d (VO (hd k)) (h j)). specialize (HM j ltac:(lia)).
  pose proof (sqrt_pos (sum d (fun i => dot d (VO (hd k) i) (VO (hd k) i)))). unfold frob in *. nra.
Qed.
Theorem mlp_grows g b m W1 b1 act W2 b2 L : 0 <= L -> (forall x, Rabs (act x) <= L * Rabs x) ->
  grows (Mlp g b m W1 b1 act W2 b2)
    (sum m (fun k => L * Rabs (b1 k) * norm d (fun i => W2 i k)) + norm d b2)
    (sum m (fun k => L * norm d (W1 k) * norm d (fun i => W2 i k))).
Proof.
  intros HL Hact. assert (N := norm_pos d). split.
  { apply Rplus_le_le_0_compat; auto. apply sum_nonneg. intros k _. pose proof (Rabs_pos (b1 k)). repeat apply Rmult_le_pos; auto. }
  split. { apply sum_nonneg. intros k _. repeat apply Rmult_le_pos; auto. }
  intros h t M HM. simpl. set (F := fun k => scal (act (dot d (W1 k) (h t) + b1 k)) (fun i => W2 i k)).
  eapply Rle_trans; [apply (norm_add d (fun i => sum m (fun k => F k i)) b2)|].
  enough (norm d (fun i => sum m (fun k => F k i)) <= sum m (fun k => L * Rabs (b1 k) * norm d (fun i => W2 i k))
    + sum m (fun k => L * norm d (W1 k) * norm d (fun i => W2 i k)) * M) by lra.
  eapply Rle_trans; [apply norm_sum|]. rewrite (Rmult_comm _ M), <- sum_scal, <- sum_add. apply sum_le. intros k Hk.
  unfold F. rewrite norm_scal. pose proof (Hact (dot d (W1 k) (h t) + b1 k)) as Ha.
  pose proof (Rabs_triang (dot d (W1 k) (h t)) (b1 k)). pose proof (cauchy_norm d (W1 k) (h t)). specialize (HM t (Nat.le_refl t)).
  pose proof (N (W1 k)). pose proof (N (fun i => W2 i k)).
  assert (Rabs (act (dot d (W1 k) (h t) + b1 k)) <= L * Rabs (b1 k) + L * norm d (W1 k) * M).
  { assert (norm d (W1 k) * norm d (h t) <= norm d (W1 k) * M) by nra. nra. }
  replace (L * Rabs (b1 k) * norm d (fun i => W2 i k) + M * (L * norm d (W1 k) * norm d (fun i => W2 i k)))
    with ((L * Rabs (b1 k) + L * norm d (W1 k) * M) * norm d (fun i => W2 i k)) by ring.
  apply Rmult_le_compat_r; auto.
Qed.

(* the constants (alpha, kappa) of a stack, layer by layer *)
Fixpoint envelope (aks : list (R * R)) (ak : R * R) : R * R :=
  match aks with [] => ak | (a, k) :: r => envelope r (a + (1 + k) * fst ak, (1 + k) * snd ak) end.

Theorem stack_envelope net aks : Forall2 (fun B ak => grows B (fst ak) (snd ak)) net aks ->
  forall a k h X t, (forall s, (s <= t)%nat -> norm d (h s) <= a + k * X) ->
  forall s, (s <= t)%nat -> norm d (grun net h s) <= fst (envelope aks (a, k)) + snd (envelope aks (a, k)) * X.
Proof.
  induction 1 as [|B [a1 k1] net aks [Ha [Hk HB]] HF IH]; intros a k h X t HM s Hs; simpl in *; auto.
  apply (IH _ _ _ X t); auto. intros s' Hs'.
  eapply Rle_trans; [apply norm_add|]. specialize (HB h s' (a + k * X) ltac:(intros; apply HM; lia)).
  specialize (HM s' Hs'). lra.
Qed.

(* |y| <= alpha + kappa * max |token| *)
Theorem affine_envelope net aks w b0 w_in b_in pos Rp tok X T :
  Forall2 (fun B ak => grows B (fst ak) (snd ak)) net aks ->
  (forall t, norm d (add b_in (pos t)) <= Rp) -> (forall t, (t <= T)%nat -> Rabs (tok t) <= X) ->
  Rabs (dot d w (grun net (embed w_in b_in pos tok) T) + b0)
   <= (norm d w * fst (envelope aks (Rp, norm d w_in)) + Rabs b0) + norm d w * snd (envelope aks (Rp, norm d w_in)) * X.
Proof.
  intros HF Hp HX. pose proof (norm_pos d w). pose proof (norm_pos d w_in).
  eapply Rle_trans; [apply Rabs_triang|]. pose proof (cauchy_norm d w (grun net (embed w_in b_in pos tok) T)) as C.
  pose proof (stack_envelope net aks HF Rp (norm d w_in) (embed w_in b_in pos tok) X T) as E.
  enough (A : forall s, (s <= T)%nat -> norm d (embed w_in b_in pos tok s) <= Rp + norm d w_in * X).
  { specialize (E A T (Nat.le_refl T)). nra. }
  intros s Hs. unfold embed. eapply Rle_trans; [apply norm_add|]. rewrite norm_scal.
  specialize (Hp s). specialize (HX s Hs). pose proof (Rabs_pos (tok s)). nra.
Qed.
End Envelope.

(* an affine envelope loses every quadratic: the error exceeds any E beyond a radius *)
Theorem quadratic_lost A B C alpha kappa E : A <> 0 -> exists X, forall x y, X <= x ->
  Rabs y <= alpha + kappa * x -> E <= Rabs (A * (x * x) + B * x + C - y).
Proof.
  intros HA. assert (PA : 0 < Rabs A) by now apply Rabs_pos_lt.
  set (q := Rabs B + Rabs C + Rabs alpha + Rabs kappa + Rabs E).
  exists (1 + q / Rabs A). intros x y Hx Hy.
  assert (Q : 0 <= q) by (unfold q; pose proof (Rabs_pos B); pose proof (Rabs_pos C); pose proof (Rabs_pos alpha); pose proof (Rabs_pos kappa); pose proof (Rabs_pos E); lra).
  assert (0 <= q / Rabs A) by (apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]).
  assert (X1 : 1 <= x) by lra.
  assert (X2 : q <= Rabs A * x).
  { assert (q / Rabs A <= x) by lra. apply (Rmult_le_compat_l (Rabs A)) in H0; [|lra].
    replace (Rabs A * (q / Rabs A)) with q in H0 by (field; lra). lra. }
  assert (T : Rabs (A * (x * x)) <= Rabs (A * (x * x) + B * x + C - y) + Rabs (B * x) + Rabs C + Rabs y).
  { replace (A * (x * x)) with ((A * (x * x) + B * x + C - y) + - (B * x) + - C + y) at 1 by ring.
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_r.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. apply Rplus_le_compat_r.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra. }
  rewrite !Rabs_mult, (Rabs_right x) in T by lra.
  pose proof (Rle_abs alpha). pose proof (Rle_abs kappa). pose proof (Rle_abs E).
  pose proof (Rabs_pos C). pose proof (Rabs_pos alpha). pose proof (Rabs_pos E).
  assert (q * x <= Rabs A * (x * x)) by nra.
  assert (Rabs B * x + Rabs C + (alpha + kappa * x) + E <= q * x) by (unfold q; nra). lra.
Qed.
