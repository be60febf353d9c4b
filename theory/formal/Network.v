(* N1: a whole pre-LN causal transformer (any depth, heads, width, prompt length, attention weights) is x*v + r with
   |P r| bounded; hence N2 (plateau) and N3 (context blindness) for it. *)
From ICL Require Export RayLimit Softmax.
Require Import List.
Import ListNotations.

Definition stream := nat -> vec.                          (* position -> coordinate -> R *)
Record head := { weights : stream -> nat -> vec;          (* attention of query t over keys j <= t: nonnegative, sum 1 *)
                 weights_ok : forall z t, stochastic (S t) (weights z t);
                 VO : mat; vb : vec }.                    (* composite W_O W_V and its bias *)
(* softmax of any scores gives a head (so do hardmax and SSA) *)
Definition softmax_head (score : stream -> nat -> nat -> R) VO vb : head :=
  {| weights := fun z t => softmax (S t) (score z t);
     weights_ok := fun z t => softmax_stochastic (S t) (score z t) (Nat.lt_0_succ t); VO := VO; vb := vb |}.
(* the usual score: (W_Q z_t + b_Q).(W_K z_j + b_K) / sqrt dh *)
Definition qk_score d dh (WQ : mat) bQ (WK : mat) bK : stream -> nat -> nat -> R :=
  fun z t j => dot dh (add (mv d WQ (z t)) bQ) (add (mv d WK (z j)) bK) / sqrt (INR dh).

Section Net.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.

Definition att (H : nat) (hd : nat -> head) (z : stream) (t : nat) : vec := fun i =>
  sum H (fun k => sum (S t) (fun j => weights (hd k) z t j * (mv d (VO (hd k)) (z j) i + vb (hd k) i))).
Definition mlp (m : nat) (W1 : mat) (b1 : vec) (act : R -> R) (W2 : mat) (b2 : vec) (x : vec) : vec := fun i =>
  sum m (fun k => act (dot d (W1 k) x + b1 k) * W2 i k) + b2 i.

Inductive block :=
| Attn (g b : vec) (H : nat) (hd : nat -> head)
| Mlp (g b : vec) (m : nat) (W1 : mat) (b1 : vec) (act : R -> R) (W2 : mat) (b2 : vec).

Definition update (B : block) (h : stream) : stream :=
  match B with
  | Attn g b H hd => att H hd (fun t => LNa d eps g b (h t))
  | Mlp g b m W1 b1 act W2 b2 => fun t => mlp m W1 b1 act W2 b2 (LNa d eps g b (h t))
  end.
Fixpoint run (net : list block) (h : stream) : stream :=
  match net with [] => h | B :: net' => run net' (fun t => add (h t) (update B h t)) end.

Definition bounded (B : block) (K : R) := forall h t, norm d (P (update B h t)) <= K.

Lemma P_ext u v i : (forall i, (i < d)%nat -> u i = v i) -> (i < d)%nat -> P u i = P v i.
Proof. intros H Hi. unfold LayerNorm.P, mean. now rewrite (sum_ext d u v H), H. Qed.
Lemma normP_ext u v : (forall i, (i < d)%nat -> u i = v i) -> norm d (P u) = norm d (P v).
Proof. intros H. apply norm_ext. intros. now apply P_ext. Qed.
Lemma P_add u v i : P (add u v) i = add (P u) (P v) i.
Proof. unfold LayerNorm.P, mean, add. rewrite sum_add. field. lra. Qed.
Lemma P_scal a u i : P (scal a u) i = scal a (P u) i.
Proof. unfold LayerNorm.P, mean, scal. rewrite sum_scal. field. lra. Qed.
Lemma normP_add u v : norm d (P (add u v)) <= norm d (P u) + norm d (P v).
Proof. rewrite (norm_ext d _ _ (fun i _ => P_add u v i)). apply norm_add. Qed.
Lemma normP_zero : norm d (P (fun _ => 0)) = 0.
Proof.
  apply Rle_antisym; [|apply norm_pos]. eapply Rle_trans; [now apply norm_P_le|].
  unfold norm, dot. rewrite sum_const, Rmult_0_l, Rmult_0_r, sqrt_0. lra.
Qed.
Lemma normP_sum m (F : nat -> vec) : norm d (P (fun i => sum m (fun j => F j i))) <= sum m (fun j => norm d (P (F j))).
Proof.
  induction m; simpl; [rewrite normP_zero; lra|].
  eapply Rle_trans; [apply (normP_add (fun i => sum m (fun j => F j i)) (F m))|lra].
Qed.
Lemma normP_scal a u : norm d (P (scal a u)) = Rabs a * norm d (P u).
Proof. rewrite (norm_ext d _ _ (fun i _ => P_scal a u i)). apply norm_scal. Qed.

(* attention block.  K k bounds the centred operator P VO diag(g) on zero-sum vectors (its spectral norm will do) *)
Theorem attn_bounded g b H hd (K : nat -> R) :
  (forall k z, (k < H)%nat -> sum d z = 0 -> norm d (P (mv d (VO (hd k)) (mul g z))) <= K k * norm d z) ->
  (forall k, (k < H)%nat -> 0 <= K k) ->
  bounded (Attn g b H hd) (sum H (fun k => K k * sqrt D + norm d (P (add (mv d (VO (hd k)) b) (vb (hd k)))))).
Proof.
  intros HK HK0 h t. simpl. set (z := fun t => LNa d eps g b (h t)).
  set (p := fun k => weights (hd k) z t).
  set (val := fun k j : nat => (fun i => mv d (VO (hd k)) (z j) i + vb (hd k) i) : vec).
  eapply Rle_trans; [apply (normP_sum H (fun k i => sum (S t) (fun j => p k j * val k j i)))|].
  apply sum_le. intros k Hk.
  destruct (weights_ok (hd k) z t) as [Hp Hs]. fold (p k) in Hp, Hs.
  eapply Rle_trans; [apply (normP_sum (S t) (fun j => scal (p k j) (val k j)))|].
  set (C := K k * sqrt D + _). rewrite <- (Rmult_1_r C), <- Hs, <- sum_scal. apply sum_le. intros j Hj.
  rewrite normP_scal, Rabs_right by (apply Rle_ge, Hp; auto). rewrite Rmult_comm. apply Rmult_le_compat_r; [now apply Hp|].
  rewrite (normP_ext (val k j) (add (mv d (VO (hd k)) (mul g (LN d eps (h j)))) (add (mv d (VO (hd k)) b) (vb (hd k))))).
  - eapply Rle_trans; [apply normP_add|]. apply Rplus_le_compat_r.
    eapply Rle_trans; [apply HK; auto; apply LN_sum; auto|].
    apply Rmult_le_compat_l; [now apply HK0|]. now apply LN_norm_le.
  - intros i _. unfold val, z, add, mv, LNa, mul. rewrite <- Rplus_assoc. f_equal.
    unfold dot. rewrite <- sum_add. apply sum_ext. intros. ring.
Qed.

(* MLP block: L2 gives the range of each pre-activation; A k bounds the activation on it *)
Theorem mlp_bounded g b m W1 b1 act W2 b2 (A : nat -> R) :
  (forall k u, (k < m)%nat -> Rabs (u - centre d (W1 k) b (b1 k)) <= ceil d (W1 k) g -> Rabs (act u) <= A k) ->
  bounded (Mlp g b m W1 b1 act W2 b2) (sum m (fun k => A k * norm d (P (fun i => W2 i k))) + norm d (P b2)).
Proof.
  intros HA h t. simpl. set (x := LNa d eps g b (h t)).
  set (F := fun k => scal (act (dot d (W1 k) x + b1 k)) (fun i => W2 i k)).
  eapply Rle_trans; [apply (normP_add (fun i => sum m (fun k => F k i)) b2)|]. apply Rplus_le_compat_r.
  eapply Rle_trans; [apply normP_sum|]. apply sum_le. intros k Hk. unfold F. rewrite normP_scal.
  apply Rmult_le_compat_r; [apply norm_pos|]. apply HA; auto.
  apply (ceiling d d_pos eps (W1 k) g b (b1 k) (h t)); auto.
Qed.

(* residual sum *)
Theorem run_bounded net Ks h t : Forall2 bounded net Ks ->
  norm d (P (add (run net h t) (scal (-1) (h t)))) <= fold_right Rplus 0 Ks.
Proof.
  intros F. revert h. induction F as [|B K net Ks HB HF IH]; intros h; simpl.
  - rewrite (normP_ext _ (fun _ => 0)); [rewrite normP_zero; lra|]. intros. unfold add, scal. ring.
  - set (h1 := fun t => add (h t) (update B h t)).
    rewrite (normP_ext _ (add (update B h t) (add (run net h1 t) (scal (-1) (h1 t))))).
    + eapply Rle_trans; [apply normP_add|]. apply Rplus_le_compat; [apply HB|apply IH].
    + intros. unfold h1, add, scal. ring.
Qed.

(* ---------------------------------------------------- the transformer as a function of query and context *)
Section Transformer.
Variables (w_in b_in : vec) (pos : nat -> vec) (net : list block) (Ks : list R) (w g b : vec) (b0 Rp : R).
Hypothesis blocks : Forall2 bounded net Ks.
Hypothesis pos_bound : forall T, norm d (P (add b_in (pos T))) <= Rp.
Hypothesis w_in_pos : 0 < norm d (P w_in).

Definition ctx := (nat * (nat -> R))%type.     (* index of the query token, and all the other tokens *)
Definition token (x : R) (c : ctx) : nat -> R := fun t => if Nat.eq_dec t (fst c) then x else snd c t.
Definition embed (tok : nat -> R) : stream := fun t => add (scal (tok t) w_in) (add b_in (pos t)).
Definition transformer (x : R) (c : ctx) : R := readout d eps w g b b0 (run net (embed (token x c)) (fst c)).

Definition resid (x : R) (c : ctx) : vec :=
  add (add b_in (pos (fst c))) (add (run net (embed (token x c)) (fst c)) (scal (-1) (embed (token x c) (fst c)))).
Definition Rtot := Rp + fold_right Rplus 0 Ks.

Lemma resid_bound x c : norm d (P (resid x c)) <= Rtot.
Proof. eapply Rle_trans; [apply normP_add|]. apply Rplus_le_compat; [apply pos_bound|now apply run_bounded]. Qed.
Lemma Rtot_pos : 0 <= Rtot.
Proof. pose proof (resid_bound 0 (O, fun _ => 0)). pose proof (norm_pos d (P (resid 0 (O, fun _ => 0)))). lra. Qed.

Lemma readout_ext u v : (forall i, (i < d)%nat -> u i = v i) -> readout d eps w g b b0 u = readout d eps w g b b0 v.
Proof.
  intros H. unfold readout. f_equal. apply sum_ext. intros i Hi. f_equal. unfold LNa, LN, var.
  rewrite (dot_ext d (P u) (P u) (P v) (P v)) by (intros; now apply P_ext). now rewrite (P_ext u v i H Hi).
Qed.
Lemma transformer_model x c : transformer x c = model d ctx eps w g b b0 w_in resid x c.
Proof.
  apply readout_ext. intros i _. unfold ray, resid, add, scal, embed, token. destruct (Nat.eq_dec (fst c) (fst c)); [|lia].
  unfold add, scal. ring.
Qed.

(* everything below holds for all prompts of all lengths, beyond the radius X* = Rtot/|P w_in| *)
Definition dev_y x := norm d (P (mul g w)) * dev d eps w_in Rtot x.
Definition y_inf := plateau d w g b b0 w_in.

Theorem transformer_plateau x c : Rtot < x * norm d (P w_in) -> Rabs (transformer x c - y_inf) <= dev_y x.
Proof. intros. rewrite transformer_model. apply plateau_dev; auto; [apply Rtot_pos|apply resid_bound]. Qed.
Theorem transformer_blind x c c' : Rtot < x * norm d (P w_in) -> Rabs (transformer x c - transformer x c') <= 2 * dev_y x.
Proof. intros. rewrite !transformer_model. apply context_blind; auto; [apply Rtot_pos|apply resid_bound]. Qed.
Theorem transformer_two_functions x c c' (f f' : R -> R) : Rtot < x * norm d (P w_in) ->
  Rabs (f x - f' x) / 2 - dev_y x <= Rmax (Rabs (transformer x c - f x)) (Rabs (transformer x c' - f' x)).
Proof. intros. rewrite !transformer_model. apply two_functions; auto; [apply Rtot_pos|apply resid_bound]. Qed.
Theorem transformer_limit e : 0 < e -> exists X, forall x c, X <= x -> Rabs (transformer x c - y_inf) < e.
Proof.
  intros He. destruct (plateau_limit d d_pos ctx eps w g b b0 w_in resid Rtot eps_pos Rtot_pos resid_bound w_in_pos e He) as [X HX].
  exists X. intros. rewrite transformer_model. now apply HX.
Qed.
End Transformer.

End Net.

(* all that is asked of a block with arbitrary weights: an activation of at most linear growth *)
Definition ok (B : block) := match B with
  | Attn _ _ _ _ => True
  | Mlp _ _ _ _ _ act _ _ => exists a0 a1, 0 <= a1 /\ forall x, Rabs (act x) <= a0 + a1 * Rabs x end.
