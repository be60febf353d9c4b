(* A whole pre-LN causal transformer is x*v + r with |P r| bounded by what its blocks add (N1); hence N2 (plateau) and N3 (context
   blindness) for it. *)
From ICL Require Export Blocks.
Require Import List.
Import ListNotations.

Section Net.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Local Notation P := (P d).
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.

(* ---------------------------------------------------- the transformer as a function of query and context *)
Section Transformer.
Variables (w_in b_in : vec) (pos : nat -> vec) (net : list block) (Ks : list R) (w g b : vec) (b0 Rp : R).
Hypothesis blocks : Forall2 (bounded d eps) net Ks.
Hypothesis pos_bound : forall T, norm d (P (add b_in (pos T))) <= Rp.
Hypothesis w_in_pos : 0 < norm d (P w_in).

Definition ctx := (nat * (nat -> R))%type.     (* index of the query token, and all the other tokens *)
Definition token (x : R) (c : ctx) : nat -> R := fun t => if Nat.eq_dec t (fst c) then x else snd c t.
Definition embed (tok : nat -> R) : stream := fun t => add (scal (tok t) w_in) (add b_in (pos t)).
Definition transformer (x : R) (c : ctx) : R := readout d eps w g b b0 (run d eps net (embed (token x c)) (fst c)).

Definition resid (x : R) (c : ctx) : vec :=
  add (add b_in (pos (fst c))) (add (run d eps net (embed (token x c)) (fst c)) (scal (-1) (embed (token x c) (fst c)))).
Definition Rtot := Rp + fold_right Rplus 0 Ks.

Lemma resid_bound x c : norm d (P (resid x c)) <= Rtot.
Proof. eapply Rle_trans; [now apply normP_add|]. apply Rplus_le_compat; [apply pos_bound|now apply run_bounded]. Qed.
Lemma Rtot_pos : 0 <= Rtot.
Proof. pose proof (resid_bound 0 (O, fun _ => 0)). pose proof (norm_pos d (P (resid 0 (O, fun _ => 0)))). lra. Qed.

Lemma readout_ext u v : (forall i, (i < d)%nat -> u i = v i) -> readout d eps w g b b0 u = readout d eps w g b b0 v.
Proof.
  intros H. unfold readout. f_equal. apply sum_ext. intros i Hi. f_equal. unfold LNa, LN, var.
  rewrite (dot_ext d (P u) (P u) (P v) (P v)) by (intros; now apply P_ext). now rewrite (P_ext d u v i H Hi).
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
