(* N5, everywhere: a pre-LN softmax transformer is Lipschitz in its whole stream for eps > 0, block by block; so its slope in the
   query is bounded. (N4 and the slope far out, in Saturation.v and SlopeCap.v, use the same block constants.) *)
From ICL Require Export Sensitivity AttentionScores Network.
Require Import List FunctionalExtensionality.
Import ListNotations.

Definition minus (u v : vec) : vec := fun i => 1 * u i + -1 * v i.
Section Lipschitz.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.
Local Notation LN := (LN d eps).

(* a block moves by at most L times what its normalised input moves, up to and including the position *)
Definition steady (B : block) (L : R) := 0 <= L /\ forall h h' t del, (forall s, (s <= t)%nat -> norm d (minus (LN (h s)) (LN (h' s))) <= del) ->
  norm d (P (minus (update d eps B h t) (update d eps B h' t))) <= L * del.

(* ------------------------------------------------------------------ attention *)
Section Attention.
Variables (g b : vec) (H dh : nat) (WQ WK OV : nat -> mat) (bQ bK bV : nat -> vec) (A beta kappa : nat -> R).
Let hd k := softmax_head (qk_score d dh (WQ k) (bQ k) (WK k) (bK k)) (OV k) (bV k).
Hypothesis A_ok : forall k z, (k < H)%nat -> sum d z = 0 -> norm d (P (mv d (OV k) (mul g z))) <= A k * norm d z.
Hypothesis beta_ok : forall k z, (k < H)%nat -> sum d z = 0 -> norm d (P (bilinear d g dh (WQ k) (WK k) z)) <= beta k * norm d z.
Hypothesis kappa_ok : forall k, (k < H)%nat -> norm d (P (constant_pull d g b dh (WQ k) (bQ k) (WK k))) <= kappa k.
Hypothesis pos_ok : forall k, (k < H)%nat -> 0 <= A k /\ 0 <= beta k.
Theorem attn_steady : steady (Attn g b H hd) (sum H (fun k => A k * (1 + sqrt D * (2 * sqrt D * beta k + kappa k)))).
Proof.
  assert (Kp : forall k, (k < H)%nat -> 0 <= kappa k) by (intros k Hk; eapply Rle_trans; [apply norm_pos|apply kappa_ok; auto]).
  pose proof (sqrt_pos D) as SD. split.
  { apply sum_nonneg. intros k Hk. destruct (pos_ok k Hk). specialize (Kp k Hk). apply Rmult_le_pos; auto. assert (0 <= sqrt D * (2 * sqrt D * beta k + kappa k)); [|lra].
    apply Rmult_le_pos; auto. assert (0 <= 2 * sqrt D * beta k) by (repeat apply Rmult_le_pos; lra). lra. }
  intros h h' t del Hd. set (z := fun t => LN (h t)). set (z' := fun t => LN (h' t)).
  pose proof (LN_normalised d d_pos eps h eps_pos) as Nz. pose proof (LN_normalised d d_pos eps h' eps_pos) as Nz'. fold z in Nz. fold z' in Nz'.
  set (p := fun k => weights (hd k) (fun t => LNa d eps g b (h t)) t). set (p' := fun k => weights (hd k) (fun t => LNa d eps g b (h' t)) t).
  set (val := fun k (y : vec) => mv d (OV k) (mul g y)).
  assert (E : forall i, minus (update d eps (Attn g b H hd) h t) (update d eps (Attn g b H hd) h' t) i
    = sum H (fun k => add (fun i => sum (S t) (fun j => p k j * val k (minus (z j) (z' j)) i)) (fun i => sum (S t) (fun j => (p k j - p' k j) * val k (z' j) i)) i)).
  { intros i. unfold minus at 1. simpl update. rewrite !att_split. fold z z'.
    match goal with |- 1 * (?X + ?C) + -1 * (?Y + ?C) = _ => replace (1 * (X + C) + -1 * (Y + C)) with (1 * X + -1 * Y) by ring end.
    rewrite <- sum_lin. apply sum_ext. intros k _. unfold add. rewrite <- sum_lin, <- sum_add. apply sum_ext. intros j _.
    assert (V : val k (minus (z j) (z' j)) i = 1 * val k (z j) i + -1 * val k (z' j) i).
    { unfold val, mv. rewrite <- dot_lin_r. apply dot_ext; auto. intros. unfold mul, minus. ring. }
    rewrite V. unfold val, hd, z, z', p, p'. cbn [VO softmax_head]. fold (hd k). ring. }
  rewrite (normP_ext d _ _ (fun i _ => E i)).
  eapply Rle_trans; [apply (nu_sum d (fun u => norm d (P u)) (normP_ext d) (normP_add d d_pos) (normP_scal d d_pos))|].
  rewrite Rmult_comm, <- sum_scal. apply sum_le. intros k Hk. destruct (pos_ok k Hk) as [A0 b0]. specialize (Kp k Hk).
  assert (D0 : 0 <= del) by (eapply Rle_trans; [apply norm_pos|apply (Hd t); auto]).
  destruct (weights_ok (hd k) (fun t => LNa d eps g b (h t)) t) as [Hp Hs]. fold (p k) in Hp, Hs.
  eapply Rle_trans; [now apply normP_add|]. replace (del * (A k * (1 + sqrt D * (2 * sqrt D * beta k + kappa k))))
    with (A k * del + (2 * sqrt D * beta k + kappa k) * del * (A k * sqrt D)) by ring. apply Rplus_le_compat.
  - eapply Rle_trans; [apply (nu_sum d (fun u => norm d (P u)) (normP_ext d) (normP_add d d_pos) (normP_scal d d_pos) (S t) (fun j => scal (p k j) (val k (minus (z j) (z' j)))))|].
    rewrite <- (Rmult_1_r (A k * del)), <- Hs, <- sum_scal. apply sum_le. intros j Hj.
    rewrite normP_scal, Rabs_right, Rmult_comm by (auto; apply Rle_ge, Hp; auto). apply Rmult_le_compat_r; [now apply Hp|].
    eapply Rle_trans; [apply A_ok; auto|].
    + unfold minus. destruct (Nz j) as [J1 _]. destruct (Nz' j) as [J2 _]. rewrite sum_lin, J1, J2. ring.
    + apply Rmult_le_compat_l; auto. apply Hd. lia.
  - eapply Rle_trans; [apply (nu_sum d (fun u => norm d (P u)) (normP_ext d) (normP_add d d_pos) (normP_scal d d_pos) (S t) (fun j => scal (p k j - p' k j) (val k (z' j))))|].
    apply Rle_trans with (sum (S t) (fun j => A k * sqrt D * Rabs (p k j - p' k j))).
    + apply sum_le. intros j Hj. rewrite normP_scal, Rmult_comm by auto. apply Rmult_le_compat_r; [apply Rabs_pos|].
      destruct (Nz' j) as [J1 J2]. eapply Rle_trans; [apply A_ok; auto|]. now apply Rmult_le_compat_l.
    + rewrite sum_scal, Rmult_comm. apply Rmult_le_compat_r; [now apply Rmult_le_pos|].
      apply (pattern_lipschitz d d_pos g b dh (WQ k) (bQ k) (WK k) (bK k) (beta k) (kappa k)); auto.
Qed.
End Attention.

(* ------------------------------------------------------------------ MLP *)
Theorem mlp_steady g b m W1 b1 act W2 b2 La : 0 <= La -> (forall u v, Rabs (act u - act v) <= La * Rabs (u - v)) ->
  steady (Mlp g b m W1 b1 act W2 b2) (sum m (fun k => La * norm d (P (mul g (W1 k))) * norm d (P (fun i => W2 i k)))).
Proof.
  intros HL Hact. split.
  { apply sum_nonneg. intros. apply Rmult_le_pos; [apply Rmult_le_pos; [auto|apply norm_pos]|apply norm_pos]. }
  intros h h' t del Hd. set (z := LN (h t)). set (z' := LN (h' t)). specialize (Hd t (Nat.le_refl t)). fold z z' in Hd.
  set (u := fun h k => dot d (W1 k) (LNa d eps g b (h t)) + b1 k).
  assert (Sz : sum d (minus z z') = 0) by (unfold minus, z, z'; rewrite sum_lin, !LN_sum by auto; ring).
  assert (Eu : forall k, u h k - u h' k = dot d (mul g (W1 k)) (minus z z')).
  { intros k. unfold u. replace (dot d (W1 k) (LNa d eps g b (h t)) + b1 k - (dot d (W1 k) (LNa d eps g b (h' t)) + b1 k))
      with (1 * dot d (W1 k) (LNa d eps g b (h t)) + -1 * dot d (W1 k) (LNa d eps g b (h' t))) by ring.
    rewrite <- dot_lin_r. unfold dot. apply sum_ext. intros i _. unfold LNa, minus, mul, z, z'. ring. }
  rewrite (normP_ext d _ (fun i => sum m (fun k => scal (act (u h k) - act (u h' k)) (fun i => W2 i k) i))).
  - eapply Rle_trans; [apply (nu_sum d (fun u => norm d (P u)) (normP_ext d) (normP_add d d_pos) (normP_scal d d_pos) m (fun k => scal (act (u h k) - act (u h' k)) (fun i => W2 i k)))|].
    rewrite Rmult_comm, <- sum_scal. apply sum_le. intros k _. rewrite normP_scal by auto.
    replace (del * (La * norm d (P (mul g (W1 k))) * norm d (P (fun i => W2 i k)))) with (La * (norm d (P (mul g (W1 k))) * del) * norm d (P (fun i => W2 i k))) by ring.
    apply Rmult_le_compat_r; [apply norm_pos|]. eapply Rle_trans; [apply Hact|]. apply Rmult_le_compat_l; auto. rewrite Eu.
    eapply Rle_trans; [now apply zero_sum_dot|]. apply Rmult_le_compat_l; [apply norm_pos|auto].
  - intros i _. unfold minus at 1. simpl update. unfold mlp. unfold scal.
    replace (1 * (sum m (fun k => act (dot d (W1 k) (LNa d eps g b (h t)) + b1 k) * W2 i k) + b2 i) + -1 * (sum m (fun k => act (dot d (W1 k) (LNa d eps g b (h' t)) + b1 k) * W2 i k) + b2 i))
      with (1 * sum m (fun k => act (u h k) * W2 i k) + -1 * sum m (fun k => act (u h' k) * W2 i k)) by (unfold u; ring).
    rewrite <- sum_lin. apply sum_ext. intros. ring.
Qed.

(* every softmax attention with the usual scores, and every MLP with a Lipschitz activation, has such a constant *)
Definition soft (B : block) := match B with
  | Attn _ _ H hd => exists dh WQ bQ WK bK OV bV, hd = fun k => softmax_head (qk_score d dh (WQ k) (bQ k) (WK k) (bK k)) (OV k) (bV k)
  | Mlp _ _ _ _ _ act _ _ => exists La, 0 <= La /\ forall u v, Rabs (act u - act v) <= La * Rabs (u - v) end.
Lemma soft_steady B : soft B -> exists L, steady B L.
Proof.
  destruct B as [g b H hd|g b m W1 b1 act W2 b2]; simpl.
  - intros [dh [WQ [bQ [WK [bK [OV [bV ->]]]]]]]. eexists.
    apply (attn_steady g b H dh WQ WK OV bQ bK bV (fun k => frob d d (fun i j => OV k i j * g j))
      (fun k => frob d d (fun i j => sum dh (fun l => g i * WK k l i * (WQ k l j * g j)) / sqrt (INR dh)))
      (fun k => norm d (P (constant_pull d g b dh (WQ k) (bQ k) (WK k))))).
    + intros k z _ _. eapply Rle_trans; [now apply norm_P_le|]. rewrite (norm_ext d _ (mv d (fun i j => OV k i j * g j) z)); [apply mv_bound|].
      intros i _. unfold mv, mul. apply sum_ext. intros. ring.
    + intros k z _ _. eapply Rle_trans; [now apply norm_P_le|].
      rewrite (norm_ext d _ (mv d (fun i j => sum dh (fun l => g i * WK k l i * (WQ k l j * g j)) / sqrt (INR dh)) z)); [apply mv_bound|].
      intros i _. unfold bilinear, pull, transposed, mv, dot, Rdiv.
      rewrite (sum_ext d (fun j => sum dh _ * / sqrt (INR dh) * z j) (fun j => sum dh (fun l => g i * / sqrt (INR dh) * (WK k l i * (WQ k l j * mul g z j))))).
      * rewrite sum_swap. rewrite (Rmult_comm _ (/ sqrt (INR dh))), <- Rmult_assoc, (Rmult_comm (/ sqrt (INR dh))), <- sum_scal.
        apply sum_ext. intros l _. now rewrite !sum_scal.
      * intros j _. rewrite Rmult_assoc, Rmult_comm, <- sum_scal. apply sum_ext. intros l _. unfold mul. ring.
    + intros. lra.
    + intros. split; apply sqrt_pos.
  - intros [La [H0 H]]. eexists. now apply (mlp_steady g b m W1 b1 act W2 b2 La).
Qed.
Lemma net_steady net : Forall soft net -> exists Ls, Forall2 steady net Ls.
Proof.
  induction 1 as [|B net HB HF [Ls IH]]; [exists []; constructor|].
  destruct (soft_steady B HB) as [L HL]. exists (L :: Ls). now constructor.
Qed.

(* ------------------------------------------------------------------ the stack *)
Lemma minus_add u v u' v' i : minus (add u v) (add u' v') i = add (minus u u') (minus v v') i.
Proof. unfold minus, add. ring. Qed.
Definition growth (Ls : list R) := fold_right (fun L r => (1 + L / sqrt eps) * r) 1 Ls.
Theorem run_steady net Ls : 0 < eps -> Forall2 steady net Ls -> forall h h' t Del,
  (forall s, (s <= t)%nat -> norm d (P (minus (h s) (h' s))) <= Del) ->
  norm d (P (minus (run d eps net h t) (run d eps net h' t))) <= growth Ls * Del.
Proof.
  intros He. pose proof (sqrt_lt_R0 eps He) as Se. induction 1 as [|B L net Ls [L0 HB] HF IH]; intros h h' t Del HD; simpl.
  - rewrite Rmult_1_l. auto.
  - replace ((1 + L / sqrt eps) * growth Ls * Del) with (growth Ls * ((1 + L / sqrt eps) * Del)) by ring. apply IH. intros s Hs.
    rewrite (normP_ext d _ _ (fun i _ => minus_add _ _ _ _ i)). eapply Rle_trans; [now apply normP_add|].
    replace ((1 + L / sqrt eps) * Del) with (Del + L * (Del / sqrt eps)) by (field; lra). apply Rplus_le_compat; [now apply HD|].
    apply HB. intros r Hr. eapply Rle_trans; [now apply LN_lipschitz_eps|]. unfold Rdiv. apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|].
    apply HD. lia.
Qed.

(* the prediction: the readout adds one more LayerNorm *)
Lemma readout_steady w g b b0 h h' : 0 < eps ->
  Rabs (readout d eps w g b b0 h - readout d eps w g b b0 h') <= norm d (P (mul g w)) * (norm d (P (minus h h')) / sqrt eps).
Proof.
  intros He. pose proof (readout_dot d d_pos eps w g b b0 h) as A. pose proof (readout_dot d d_pos eps w g b b0 h') as B.
  replace (readout d eps w g b b0 h - readout d eps w g b b0 h') with (dot d (P (mul g w)) (minus (LN h) (LN h'))) by (unfold minus; rewrite dot_lin_r; lra).
  eapply Rle_trans; [apply cauchy_norm|]. apply Rmult_le_compat_l; [apply norm_pos|]. now apply LN_lipschitz_eps.
Qed.
(* N5 for every pair of queries *)
Theorem slope_everywhere w_in b_in pos net Ls w g b b0 c x x' : 0 < eps -> Forall2 steady net Ls ->
  Rabs (transformer d eps w_in b_in pos net w g b b0 x c - transformer d eps w_in b_in pos net w g b b0 x' c)
  <= norm d (P (mul g w)) * norm d (P w_in) * growth Ls / sqrt eps * Rabs (x - x').
Proof.
  intros He HF. pose proof (sqrt_lt_R0 eps He) as Se. unfold transformer. eapply Rle_trans; [now apply readout_steady|].
  replace (norm d (P (mul g w)) * norm d (P w_in) * growth Ls / sqrt eps * Rabs (x - x'))
    with (norm d (P (mul g w)) * (growth Ls * (Rabs (x - x') * norm d (P w_in)) / sqrt eps)) by (field; lra).
  apply Rmult_le_compat_l; [apply norm_pos|]. unfold Rdiv. apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|].
  apply run_steady; auto. intros s _. set (q := token x c s - token x' c s).
  rewrite (normP_ext d _ (scal q w_in)) by (intros; unfold minus, embed, add, scal, q; ring). rewrite normP_scal by auto.
  apply Rmult_le_compat_r; [apply norm_pos|]. unfold q, token. destruct (Nat.eq_dec s (fst c)); [lra|].
  rewrite Rminus_eq_0, Rabs_R0. apply Rabs_pos.
Qed.
End Lipschitz.
