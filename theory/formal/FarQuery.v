(* The headline for arbitrary weights: every pre-LN transformer has one far prediction on each side, so no learning in
   context far away (N2, N3 as limits); the pointwise floor (P2 for a network). *)
From ICL Require Export Network.
Require Import List FunctionalExtensionality.
Import ListNotations.

(* ------------------------------------------------------------------ headline for arbitrary weights *)
Section Headline.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.

(* the Frobenius norm always serves as K, and any activation of at most linear growth has its A k *)

Lemma attn_frob g b H hd : exists K, bounded d eps (Attn g b H hd) K.
Proof.
  eexists. intros h t. apply (attn_bounded d d_pos eps eps_pos g b H hd (fun k => frob d d (fun i j => VO (hd k) i j * g j))).
  - intros k z _ _. eapply Rle_trans; [now apply norm_P_le|].
    rewrite (norm_ext d _ (mv d (fun i j => VO (hd k) i j * g j) z)); [apply mv_bound|].
    intros i _. unfold mv, mul. apply sum_ext. intros. ring.
  - intros. apply sqrt_pos.
Qed.
Lemma ok_bounded B : ok B -> exists K, bounded d eps B K.
Proof.
  destruct B as [g b H hd|g b m W1 b1 act W2 b2]; intros O; [apply attn_frob|].
  destruct O as [a0 [a1 [H1 H2]]]. eexists. intros h t.
  apply (mlp_bounded_box d d_pos eps eps_pos g b m W1 b1 act W2 b2
    (fun k => a0 + a1 * (Rabs (centre d (W1 k) b (b1 k)) + ceil d (W1 k) g))).
  intros k u _ Hu. eapply Rle_trans; [apply H2|]. apply Rplus_le_compat_l, Rmult_le_compat_l; auto.
  replace u with (centre d (W1 k) b (b1 k) + (u - centre d (W1 k) b (b1 k))) at 1 by ring.
  eapply Rle_trans; [apply Rabs_triang|lra].
Qed.
Lemma net_bounded net : Forall ok net -> exists Ks, Forall2 (bounded d eps) net Ks.
Proof.
  induction 1 as [|B net HB HF [Ks IH]]; [exists []; constructor|].
  destruct (ok_bounded B HB) as [K HK]. exists (K :: Ks). now constructor.
Qed.

Variables (w_in b_in : vec) (pos : nat -> vec) (net : list block) (w g b : vec) (b0 Rp : R).
Hypothesis net_ok : Forall ok net.
Hypothesis pos_bound : forall T, norm d (P d (add b_in (pos T))) <= Rp.
Hypothesis w_in_pos : 0 < norm d (P d w_in).
Let TF x c := transformer d eps w_in b_in pos net w g b b0 x c.

(* Every pre-LN softmax transformer, whatever its depth, heads, widths, weights, scores and training: one far prediction for all prompts *)
Theorem far_prediction e : 0 < e -> exists X, forall x c, X <= x -> Rabs (TF x c - y_inf d w_in w g b b0) < e.
Proof.
  intros He. destruct (net_bounded net net_ok) as [Ks HK].
  apply (transformer_limit d d_pos eps eps_pos w_in b_in pos net Ks w g b b0 Rp); auto.
Qed.

(* so no in-context learning far away: two functions cannot both be followed, whatever prompts present them *)
Theorem no_far_icl (f f' : R -> R) e : 0 < e -> exists X, forall x c c', X <= x ->
  Rabs (f x - f' x) / 2 - e <= Rmax (Rabs (TF x c - f x)) (Rabs (TF x c' - f' x)).
Proof.
  intros He. destruct (far_prediction e He) as [X HX]. exists X. intros x c c' Hx.
  pose proof (HX x c Hx) as A. pose proof (HX x c' Hx) as B. set (L := y_inf d w_in w g b b0) in *.
  pose proof (Rmax_l (Rabs (TF x c - f x)) (Rabs (TF x c' - f' x))) as M1.
  pose proof (Rmax_r (Rabs (TF x c - f x)) (Rabs (TF x c' - f' x))) as M2.
  apply Rabs_def2 in A, B. apply abs_inv in M1, M2. set (M := Rmax _ _) in *.
  assert (Rabs (f x - f' x) <= 2 * M + 2 * e); [|lra]. apply Rabs_le. lra.
Qed.

(* error on a non-constant polynomial or any unbounded f: at least dist(f, [c-R,c+R]) *)
Theorem pointwise_floor (f : R -> R) x c :
  Rabs (f x - centre d w b b0) - ceil d w g <= Rabs (TF x c - f x).
Proof.
  pose proof (ceiling d d_pos eps w g b b0 (run d eps net (embed w_in b_in pos (token x c)) (fst c)) eps_pos) as C.
  change (readout d eps w g b b0 (run d eps net (embed w_in b_in pos (token x c)) (fst c))) with (TF x c) in C.
  pose proof (Rabs_triang (- (TF x c - f x)) (TF x c - centre d w b b0)) as T. rewrite Rabs_Ropp in T.
  replace (- (TF x c - f x) + (TF x c - centre d w b b0)) with (f x - centre d w b b0) in T by ring. lra.
Qed.
End Headline.

(* the far left: a transformer at -x is the transformer with -w_in and negated tokens *)
Theorem left_is_right d eps w_in b_in pos net w g b b0 x c :
  transformer d eps w_in b_in pos net w g b b0 (- x) c
  = transformer d eps (scal (-1) w_in) b_in pos net w g b b0 x (fst c, fun t => - snd c t).
Proof.
  unfold transformer. simpl. do 2 f_equal. apply functional_extensionality. intros s. apply functional_extensionality. intros k.
  unfold embed, add, scal, token. simpl. destruct (Nat.eq_dec s (fst c)); ring.
Qed.
Theorem far_prediction_left d eps w_in b_in pos net w g b b0 Rp : (0 < d)%nat -> 0 <= eps -> Forall ok net ->
  (forall T, norm d (P d (add b_in (pos T))) <= Rp) -> 0 < norm d (P d w_in) -> forall e, 0 < e ->
  exists X, forall x c, x <= - X -> Rabs (transformer d eps w_in b_in pos net w g b b0 x c - y_inf d (scal (-1) w_in) w g b b0) < e.
Proof.
  intros Hd He Hn Hp Hw e Pe.
  assert (Hw' : 0 < norm d (P d (scal (-1) w_in))) by (rewrite normP_scal, Rabs_left by (auto; lra); lra).
  destruct (far_prediction d Hd eps He (scal (-1) w_in) b_in pos net w g b b0 Rp Hn Hp Hw' e Pe) as [X HX].
  exists X. intros x c Hx. rewrite <- (Ropp_involutive x), left_is_right. apply HX. lra.
Qed.
