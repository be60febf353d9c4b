(* Polynomials that are not zero everywhere have finitely many roots; in two variables their zeros are thin: all but finitely many
   horizontal lines meet them in finitely many points (so they have measure zero, and no box lies in them). *)
From ICL Require Export NoScale.
Require Import List Classical.
Import ListNotations.

(* ------------------------------------------------------------------ one variable: coefficients from the lowest *)
Definition hor (l : list R) x := fold_right (fun c e => c + x * e) 0 l.
Fixpoint hadd (l m : list R) := match l, m with [], _ => m | _, [] => l | c :: l', d :: m' => (c + d) :: hadd l' m' end.
Lemma hor_add l m x : hor (hadd l m) x = hor l x + hor m x.
Proof. revert m. induction l as [|c l IH]; intros [|e m]; simpl; try ring. fold (hor (hadd l m) x) (hor l x) (hor m x). rewrite IH. ring. Qed.
Lemma hor_scal r l x : hor (map (Rmult r) l) x = r * hor l x.
Proof. induction l as [|c l IH]; simpl; [ring|]. fold (hor (map (Rmult r) l) x) (hor l x). rewrite IH. ring. Qed.
Fixpoint hmul (l m : list R) := match l with [] => [] | c :: l' => hadd (map (Rmult c) m) (0 :: hmul l' m) end.
Lemma hor_mul l m x : hor (hmul l m) x = hor l x * hor m x.
Proof.
  induction l as [|c l IH]; [simpl; ring|]. cbn [hmul]. rewrite hor_add, hor_scal. simpl. fold (hor (hmul l m) x) (hor l x). rewrite IH. ring.
Qed.
(* division by x - r *)
Fixpoint quotient (l : list R) r := match l with [] => [] | _ :: l' => hadd l' (map (Rmult r) (quotient l' r)) end.
Lemma quotient_ok l r x : hor l x - hor l r = (x - r) * hor (quotient l r) x.
Proof.
  induction l as [|c l IH]; [simpl; ring|]. cbn [quotient]. rewrite hor_add, hor_scal. simpl. fold (hor l x) (hor l r).
  replace (c + x * hor l x - (c + r * hor l r)) with ((x - r) * hor l x + r * (hor l x - hor l r)) by ring. rewrite IH. ring.
Qed.
Lemma hadd_length l m n : (length l <= n)%nat -> (length m <= n)%nat -> (length (hadd l m) <= n)%nat.
Proof.
  revert m n. induction l as [|c l IH]; intros [|e m] n; simpl; auto. intros H K. destruct n; [lia|]. apply le_n_S. apply IH; lia.
Qed.
Lemma quotient_length l r : (length (quotient l r) <= pred (length l))%nat.
Proof.
  induction l as [|c l IH]; simpl; [lia|]. apply hadd_length; [lia|]. rewrite map_length. lia.
Qed.
Theorem roots l : (forall x, hor l x = 0) \/ exists A, forall x, hor l x = 0 -> In x A.
Proof.
  assert (W : forall n l, (length l <= n)%nat -> (forall x, hor l x = 0) \/ exists A, forall x, hor l x = 0 -> In x A); [|now apply (W (length l))].
  clear. induction n as [|n IH]; intros l Hn.
  - destruct l; [left; reflexivity|simpl in Hn; lia].
  - destruct (classic (exists r, hor l r = 0)) as [[r Hr]|N]; [|right; exists []; intros x E; exfalso; eauto].
    assert (E : forall x, hor l x = (x - r) * hor (quotient l r) x) by (intros x; rewrite <- quotient_ok, Hr; ring).
    destruct (IH (quotient l r)) as [Z|[A HA]]; [pose proof (quotient_length l r); lia| |].
    + left. intros x. rewrite E, Z. ring.
    + right. exists (r :: A). intros x Hx. rewrite E in Hx. apply Rmult_integral in Hx. destruct Hx as [Hx|Hx]; [left; lra|right; auto].
Qed.
Lemma zero_everywhere l : (forall x, hor l x = 0) -> Forall (fun c => c = 0) l.
Proof.
  induction l as [|c l IH]; intros H; constructor.
  - specialize (H 0). simpl in H. lra.
  - apply IH. assert (C : c = 0) by (specialize (H 0); simpl in H; lra). assert (Z : forall x, x <> 0 -> hor l x = 0).
    { intros x Nx. specialize (H x). simpl in H. fold (hor l x) in H. rewrite C, Rplus_0_l in H. apply Rmult_integral in H. tauto. }
    destruct (roots l) as [R0|[A HA]]; auto. exfalso. destruct (avoid A 0 1) as [u [U N]]; [lra|]. apply N, HA, Z. lra.
Qed.

(* ------------------------------------------------------------------ two variables: a list of coefficients that are polynomials of q *)
Definition thin (N : R * R -> Prop) := exists Q : list R, forall q, ~ In q Q -> exists A : list R, forall a, N (a, q) -> In a A.
Lemma thin_none : thin (fun _ => False).
Proof. exists []. intros q _. exists []. tauto. Qed.
Lemma thin_or N M : thin N -> thin M -> thin (fun p => N p \/ M p).
Proof.
  intros [Q HQ] [Q' HQ']. exists (Q ++ Q'). intros q Hq. destruct (HQ q) as [A HA]; [intros I; apply Hq, in_or_app; auto|].
  destruct (HQ' q) as [A' HA']; [intros I; apply Hq, in_or_app; auto|]. exists (A ++ A'). intros a [H|H]; apply in_or_app; auto.
Qed.
Theorem thin_avoided N a1 a2 q1 q2 : thin N -> a1 < a2 -> q1 < q2 -> exists a q, a1 < a < a2 /\ q1 < q < q2 /\ ~ N (a, q).
Proof.
  intros [Q HQ] Ha Hq. destruct (avoid Q q1 q2 Hq) as [q [H1 H2]]. destruct (HQ q H2) as [A HA].
  destruct (avoid A a1 a2 Ha) as [a [H3 H4]]. exists a, q. repeat split; try tauto. intros H. auto.
Qed.
Definition plane (L : list (list R)) (p : R * R) := hor (map (fun l => hor l (snd p)) L) (fst p).
Theorem plane_thin L : (forall p, plane L p = 0) \/ thin (fun p => plane L p = 0).
Proof.
  destruct (classic (forall l q, In l L -> hor l q = 0)) as [Z|N].
  - left. intros [a q]. unfold plane. simpl. induction L as [|l L IH]; [reflexivity|]. simpl. fold (hor (map (fun l => hor l q) L) a).
    rewrite IH, Z; [ring|left; auto|]. intros l0 q0 I. apply Z. right. auto.
  - right. apply not_all_ex_not in N. destruct N as [l N]. apply not_all_ex_not in N. destruct N as [q0 N]. apply imply_to_and in N.
    destruct N as [I N].
    destruct (roots l) as [Z|[Q HQ]]; [exfalso; auto|]. exists Q. intros q Hq. unfold plane. simpl.
    destruct (roots (map (fun l => hor l q) L)) as [Z|[A HA]]; [|exists A; auto]. exfalso. apply Hq, HQ.
    apply zero_everywhere in Z. rewrite Forall_forall in Z. apply Z. now apply (in_map (fun l => hor l q)).
Qed.
Definition planar (f : R * R -> R) := exists L, forall p, f p = plane L p.
Lemma planar_thin f : planar f -> (forall p, f p = 0) \/ thin (fun p => f p = 0).
Proof.
  intros [L E]. destruct (plane_thin L) as [Z|[Q HQ]]; [left; intros; now rewrite E|].
  right. exists Q. intros q Hq. destruct (HQ q Hq) as [A HA]. exists A. intros a Ha. apply HA. now rewrite <- E.
Qed.
Fixpoint ladd (L M : list (list R)) := match L, M with [], _ => M | _, [] => L | l :: L', m :: M' => hadd l m :: ladd L' M' end.
Lemma plane_add L M p : plane (ladd L M) p = plane L p + plane M p.
Proof.
  unfold plane. destruct p as [a q]. simpl. revert M. induction L as [|l L IH]; intros [|m M]; simpl; try ring.
  fold (hor (map (fun l => hor l q) (ladd L M)) a) (hor (map (fun l => hor l q) L) a) (hor (map (fun l => hor l q) M) a). rewrite IH, hor_add. ring.
Qed.
Lemma plane_scal l L p : plane (map (hmul l) L) p = hor l (snd p) * plane L p.
Proof.
  unfold plane. destruct p as [a q]. simpl. induction L as [|m L IH]; simpl; [ring|].
  fold (hor (map (fun l => hor l q) (map (hmul l) L)) a) (hor (map (fun l => hor l q) L) a). rewrite IH, hor_mul. ring.
Qed.
Lemma planar_const c : planar (fun _ => c).
Proof. exists [[c]]. intros [a q]. unfold plane. simpl. ring. Qed.
Lemma planar_fst : planar fst.
Proof. exists [[]; [1]]. intros [a q]. unfold plane. simpl. ring. Qed.
Lemma planar_snd : planar snd.
Proof. exists [[0; 1]]. intros [a q]. unfold plane. simpl. ring. Qed.
Lemma planar_add f g : planar f -> planar g -> planar (fun p => f p + g p).
Proof. intros [L F] [M G]. exists (ladd L M). intros p. now rewrite plane_add, F, G. Qed.
Lemma planar_mul f g : planar f -> planar g -> planar (fun p => f p * g p).
Proof.
  intros [L F] [M G]. assert (W : forall L, exists K, forall p, plane K p = plane L p * plane M p).
  { clear. induction L as [|l L [K IH]]; [exists []; intros p; unfold plane; simpl; ring|].
    exists (ladd (map (hmul l) M) ([] :: K)). intros p. rewrite plane_add, plane_scal. specialize (IH p). unfold plane in *. simpl in *.
    fold (hor (map (fun l => hor l (snd p)) K) (fst p)) (hor (map (fun l => hor l (snd p)) L) (fst p)). rewrite IH. ring. }
  destruct (W L) as [K HK]. exists K. intros p. now rewrite HK, F, G.
Qed.
