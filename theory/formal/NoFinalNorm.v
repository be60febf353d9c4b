(* N7: a pre-LN transformer without the final norm answers every far query on one fixed line, of slope w.w_in, whatever the context. *)
From ICL Require Export Limits FarQuery.
Require Import List FunctionalExtensionality.
Import ListNotations.

Section NoFinalNorm.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.

(* what the blocks add, in the plain norm *)
Definition size := adds_at_most d eps (norm d).
Lemma attn_size g b H hd : size (Attn g b H hd) (sum H (fun k => frob d d (fun i j => VO (hd k) i j * g j)) * sqrt (INR d)
  + norm d (fun i => sum H (fun k => mv d (VO (hd k)) b i + vb (hd k) i))).
Proof.
  intros h t. apply (attn_adds d d_pos eps eps_pos (norm d) (norm_ext d) (norm_add d) (norm_scal d)).
  - intros k z _ _. rewrite (norm_ext d _ (mv d (fun i j => VO (hd k) i j * g j) z)); [apply mv_bound|].
    intros i _. unfold mv, mul. apply sum_ext. intros. ring.
  - intros. apply sqrt_pos.
Qed.
Lemma mlp_size g b m W1 b1 act W2 b2 a0 a1 : 0 <= a1 -> (forall x, Rabs (act x) <= a0 + a1 * Rabs x) ->
  size (Mlp g b m W1 b1 act W2 b2)
    (sum m (fun k => (a0 + a1 * (Rabs (centre d (W1 k) b (b1 k)) + ceil d (W1 k) g)) * norm d (fun i => W2 i k)) + norm d b2).
Proof.
  intros H1 H2 h t. apply (mlp_adds_box d d_pos eps eps_pos (norm d) (norm_ext d) (norm_add d) (norm_scal d) g b m W1 b1 act W2 b2
    (fun k => a0 + a1 * (Rabs (centre d (W1 k) b (b1 k)) + ceil d (W1 k) g))).
  intros k u _ Hu. eapply Rle_trans; [apply H2|]. apply Rplus_le_compat_l, Rmult_le_compat_l; auto.
  replace u with (centre d (W1 k) b (b1 k) + (u - centre d (W1 k) b (b1 k))) at 1 by ring. eapply Rle_trans; [apply Rabs_triang|lra].
Qed.
Lemma net_size net : Forall ok net -> exists Ks, Forall2 size net Ks.
Proof.
  induction 1 as [|B net HB HF [Ks IH]]; [exists []; constructor|].
  assert (exists K, size B K) as [K HK].
  { destruct B as [g b H hd|g b m W1 b1 act W2 b2]; [eexists; apply attn_size|].
    destruct HB as [a0 [a1 [H1 H2]]]. eexists. now apply (mlp_size g b m W1 b1 act W2 b2 a0 a1). }
  exists (K :: Ks). now constructor.
Qed.

Variables (w_in b_in : vec) (pos : nat -> vec) (net : list block) (w : vec) (b0 : R).
(* the model: no norm before the readout; tok T is the query *)
Definition bare (tok : nat -> R) T := dot d w (run d eps net (embed w_in b_in pos tok) T) + b0.

Theorem fixed_slope Ks Rp tok T : Forall2 size net Ks -> (forall T, norm d (add b_in (pos T)) <= Rp) ->
  Rabs (bare tok T - (dot d w w_in * tok T + b0)) <= norm d w * (Rp + fold_right Rplus 0 Ks).
Proof.
  intros HF Hp. set (h := embed w_in b_in pos tok). set (r := add (run d eps net h T) (scal (-1) (h T))).
  assert (E : bare tok T - (dot d w w_in * tok T + b0) = dot d w (add (add b_in (pos T)) r)).
  { unfold bare. fold h. rewrite !(dot_sym d w), dot_add. unfold r. rewrite (dot_add d (run d eps net h T)), dot_scal.
    assert (H : dot d (h T) w = tok T * dot d w_in w + dot d (add b_in (pos T)) w) by (change (h T) with (add (scal (tok T) w_in) (add b_in (pos T))); now rewrite (dot_add d (scal (tok T) w_in)), dot_scal).
    rewrite H. ring. }
  rewrite E. eapply Rle_trans; [apply cauchy_norm|]. apply Rmult_le_compat_l; [apply norm_pos|].
  eapply Rle_trans; [apply norm_add|]. apply Rplus_le_compat; [apply Hp|].
  apply (run_adds d eps (norm d) (norm_ext d) (norm_add d) (norm_scal d)); auto.
Qed.
(* so a line of another slope is lost, by a margin that grows with the query *)
Theorem slope_lost Ks Rp tok T al be : Forall2 size net Ks -> (forall T, norm d (add b_in (pos T)) <= Rp) ->
  Rabs (al - dot d w w_in) * Rabs (tok T) - (norm d w * (Rp + fold_right Rplus 0 Ks) + Rabs (b0 - be))
  <= Rabs (bare tok T - (al * tok T + be)).
Proof.
  intros HF Hp. pose proof (fixed_slope Ks Rp tok T HF Hp) as A. rewrite <- Rabs_mult.
  set (e := bare tok T - (dot d w w_in * tok T + b0)) in *.
  replace ((al - dot d w w_in) * tok T) with (e + (b0 - be) + - (bare tok T - (al * tok T + be))) by (unfold e; ring).
  pose proof (Rabs_triang (e + (b0 - be)) (- (bare tok T - (al * tok T + be)))) as B. rewrite Rabs_Ropp in B.
  pose proof (Rabs_triang e (b0 - be)). lra.
Qed.
(* the whole prompt scaled by tau *)
Theorem slope_limit Rp z T : Forall ok net -> (forall T, norm d (add b_in (pos T)) <= Rp) ->
  tends (fun tau => bare (fun t => tau * z t) T / tau) (dot d w w_in * z T).
Proof.
  intros Hok Hp. destruct (net_size net Hok) as [Ks HF]. set (K := norm d w * (Rp + fold_right Rplus 0 Ks) + Rabs b0).
  apply (tends_rate _ _ K 1). intros tau Ht. pose proof (fixed_slope Ks Rp (fun t => tau * z t) T HF Hp) as A. cbv beta in A.
  replace (bare (fun t => tau * z t) T / tau - dot d w w_in * z T)
    with ((bare (fun t => tau * z t) T - (dot d w w_in * (tau * z T) + b0) + b0) * / tau) by (field; lra).
  rewrite Rabs_mult, (Rabs_right (/ tau)) by (apply Rle_ge; left; apply Rinv_0_lt_compat; lra).
  apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; lra|]. eapply Rle_trans; [apply Rabs_triang|]. unfold K. lra.
Qed.
End NoFinalNorm.
