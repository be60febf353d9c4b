(* Networks without LayerNorm, the widest class G4 speaks of: attention by softmax or by weights act(score) (linear, sigmoid, ReLU), MLPs
   plain or gated. The blocks of the other theorems, softmax heads and MLPs, are among them. *)
From ICL Require Export Lined Envelope.
Require Import List FunctionalExtensionality.
Import ListNotations.

Inductive scoring := Softmax | Pointwise (act : R -> R).
Definition attend a n (s : vec) : vec := match a with Softmax => softmax n s | Pointwise act => fun j => act (s j) end.
Inductive layer :=
| Mix (H : nat) (kind : nat -> scoring) (dh : nat) (WQ : nat -> mat) (bQ : nat -> vec) (WK : nat -> mat) (bK : nat -> vec)
  (OV : nat -> mat) (bV : nat -> vec)
| Gate (m : nat) (W1 : mat) (b1 : vec) (act : R -> R) (V : mat) (c : vec) (W2 : mat) (b2 : vec).      (* plain: V = 0, c = 1 *)
Definition change d L (h : stream) : stream := fun t i => match L with
  | Mix H kind dh WQ bQ WK bK OV bV => sum H (fun k => sum (S t) (fun j =>
      attend (kind k) (S t) (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) h t) j * (mv d (OV k) (h j) i + bV k i)))
  | Gate m W1 b1 act V c W2 b2 => sum m (fun k => act (dot d (W1 k) (h t) + b1 k) * (dot d (V k) (h t) + c k) * W2 i k) + b2 i end.
Fixpoint free_run d (net : list layer) (h : stream) : stream :=
  match net with [] => h | L :: net' => free_run d net' (fun t => add (h t) (change d L h t)) end.
(* the blocks of the other theorems are such layers *)
Lemma mix_is_attention d H dh WQ bQ WK bK OV bV g b h :
  change d (Mix H (fun _ => Softmax) dh WQ bQ WK bK OV bV) h
  = gupdate d (Attn g b H (fun k => softmax_head (qk_score d dh (WQ k) (bQ k) (WK k) (bK k)) (OV k) (bV k))) h.
Proof. reflexivity. Qed.
Lemma gate_is_mlp d m W1 b1 act W2 b2 g b h : change d (Gate m W1 b1 act (fun _ _ => 0) (fun _ => 1) W2 b2) h = gupdate d (Mlp g b m W1 b1 act W2 b2) h.
Proof.
  apply functional_extensionality. intros t. apply functional_extensionality. intros i. simpl. unfold mlp. f_equal. apply sum_ext. intros k _.
  assert (Z : dot d (fun _ => 0) (h t) = 0) by (unfold dot; rewrite (sum_ext d _ (fun _ => 0)), sum_const by (intros; ring); ring). rewrite Z. ring.
Qed.

(* what a layer may be; and when its polynomials stay affine *)
Definition allowed L := match L with
  | Mix _ kind _ _ _ _ _ _ _ => forall k, match kind k with Softmax => True | Pointwise act => lined act end
  | Gate _ _ _ act _ _ _ _ => lined act end.
Definition plain L := match L with
  | Mix _ kind _ _ _ _ _ _ _ => forall k, kind k = Softmax
  | Gate _ _ _ act V _ _ _ => lined act /\ forall k i, V k i = 0 end.
