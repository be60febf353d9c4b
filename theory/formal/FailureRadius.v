(* P1: the failure radius itself. Beyond the largest |real root| of (p - lo)(p - hi) a polynomial that is not constant stays outside
   the band [lo, hi]; there is such a root or p is never inside; and at the root p is inside, so no smaller radius does. *)
From ICL Require Export Polynomials.
Require Import Classical.

Lemma poly_continuous k c : continuity (poly k c).
Proof.
  induction k; [intros x; unfold poly; simpl; apply derivable_continuous_pt; reg|].
  intros x. apply (continuity_pt_plus (poly k c)); [apply IHk|]. apply derivable_continuous_pt. reg.
Qed.

(* between a point of the band and a point outside, the band's end is met *)
Lemma crossing f u v lo hi : continuity f -> lo <= f u <= hi -> f v < lo \/ hi < f v ->
  exists z, (u <= z <= v \/ v <= z <= u) /\ (f z = lo \/ f z = hi).
Proof.
  intros Hf Hu Hv. assert (G : exists y, (y = lo \/ y = hi) /\ (f u - y) * (f v - y) <= 0).
  { destruct Hv; [exists lo|exists hi]; split; auto; nra. }
  destruct G as [y [Y P]]. assert (C : continuity (fun x => f x - y)).
  { intros x. apply (continuity_pt_minus f (fun _ => y)); auto. apply continuity_pt_const. intros ? ?. reflexivity. }
  destruct (Rle_dec u v) as [L|L].
  - destruct (IVT_cor (fun x => f x - y) u v C L P) as [z [Z1 Z2]]. exists z. split; [auto|]. replace (f z) with y by lra. destruct Y; auto.
  - rewrite Rmult_comm in P. destruct (IVT_cor (fun x => f x - y) v u C ltac:(lra) P) as [z [Z1 Z2]]. exists z. split; [auto|].
    replace (f z) with y by lra. destruct Y; auto.
Qed.

Section FailureRadius.
Variables (k : nat) (c : vec) (lo hi : R).
Hypothesis k_pos : (0 < k)%nat.
Hypothesis leading : c k <> 0.
Hypothesis band : lo <= hi.
Local Notation p := (poly k c).
Definition inside x := lo <= p x <= hi.
Definition outside x := p x < lo \/ hi < p x.
Definition root x := p x = lo \/ p x = hi.                  (* of (p - lo)(p - hi) *)
Lemma root_inside x : root x -> inside x.
Proof. intros [H|H]; unfold inside; rewrite H; lra. Qed.
Lemma inside_or_outside x : inside x \/ outside x.
Proof. unfold inside, outside. destruct (Rlt_dec (p x) lo), (Rlt_dec hi (p x)); lra. Qed.

(* far out nothing is inside *)
Lemma far_outside : exists X, 0 <= X /\ forall x, inside x -> Rabs x <= X.
Proof.
  set (M := Rabs (c O - lo) + Rabs (c O - hi) + sum k (fun i => Rabs (c i))).
  pose proof (Rabs_pos (c O - lo)). pose proof (Rabs_pos (c O - hi)).
  assert (S0 : 0 <= sum k (fun i => Rabs (c i))) by (apply sum_nonneg; intros; apply Rabs_pos).
  exists (1 + M / Rabs (c k)). split.
  - assert (0 <= M / Rabs (c k)); [|lra]. apply Rmult_le_pos; [unfold M; lra|left; apply Rinv_0_lt_compat, Rabs_pos_lt, leading].
  - intros x Hx. apply (band_radius k c lo hi M x); auto; unfold M; try lra.
    intros i Hi. pose proof (sum_term k (fun i => Rabs (c i)) i (fun j _ => Rabs_pos _) ltac:(lia)). simpl in *. lra.
Qed.

Theorem outside_beyond_roots r : (forall z, root z -> Rabs z <= r) -> forall x, r < Rabs x -> outside x.
Proof.
  intros Hz x Hx. destruct (inside_or_outside x) as [In|]; auto. exfalso. destruct far_outside as [X [X0 HX]].
  pose proof (HX x In) as Bx. set (v := if Rle_dec 0 x then X + 1 else - (X + 1)).
  assert (Ov : outside v).
  { destruct (inside_or_outside v) as [Iv|]; auto. apply HX in Iv. unfold v in Iv. apply abs_inv in Iv. destruct (Rle_dec 0 x); lra. }
  destruct (crossing p x v lo hi (poly_continuous k c) In Ov) as [z [Z1 Z2]]. specialize (Hz z Z2). apply abs_inv in Hz, Bx.
  unfold v in Z1. destruct (Rle_dec 0 x) as [P|P]; [rewrite (Rabs_right x) in Hx by lra|rewrite (Rabs_left x) in Hx by lra]; lra.
Qed.

(* a largest root there is, as soon as there is a root *)
Lemma not_root_near u : ~ root u -> exists d, 0 < d /\ forall x, Rabs (x - u) < d -> ~ root x.
Proof.
  intros N. set (f := fun x => (p x - lo) * (p x - hi)).
  assert (E : forall x, root x <-> f x = 0).
  { intros x. unfold root, f. split; [intros [-> | ->]; ring|]. intros H. apply Rmult_integral in H. lra. }
  assert (F : f u <> 0) by (rewrite <- E; auto). assert (C : continuity_pt f u).
  { apply (continuity_pt_mult (fun x => p x - lo) (fun x => p x - hi)); apply (continuity_pt_minus p (fun _ => _)); try apply poly_continuous;
    apply continuity_pt_const; intros ? ?; reflexivity. }
  destruct (C (Rabs (f u)) (Rabs_pos_lt _ F)) as [d [D0 D]]. exists d. split; auto. intros x Hx R. apply E in R.
  assert (x <> u) by (intros ->; auto). specialize (D x). simpl in D. unfold R_dist in D. rewrite R, Rminus_0_l, Rabs_Ropp in D.
  enough (Rabs (f u) < Rabs (f u)) by lra. apply D. split; [split; [exact I|auto]|auto].
Qed.
Lemma largest_root z0 : root z0 -> exists z, root z /\ forall x, root x -> Rabs x <= Rabs z.
Proof.
  intros H0. destruct far_outside as [X [X0 HX]]. set (E := fun s => exists z, root z /\ s = Rabs z).
  destruct (completeness E) as [r [Up Least]].
  - exists X. intros s [z [Z ->]]. now apply HX, root_inside.
  - exists (Rabs z0), z0. auto.
  - assert (Ur : forall x, root x -> Rabs x <= r) by (intros x Hx; apply Up; now exists x).
    assert (R0 : 0 <= r) by (specialize (Ur z0 H0); pose proof (Rabs_pos z0); lra).
    destruct (classic (root r)) as [A|A]; [exists r; split; auto; intros x Hx; rewrite (Rabs_right r) by lra; auto|].
    destruct (classic (root (- r))) as [B|B]; [exists (- r); split; auto; intros x Hx; rewrite Rabs_Ropp, (Rabs_right r) by lra; auto|].
    exfalso. destruct (not_root_near r A) as [d1 [D1 N1]]. destruct (not_root_near (- r) B) as [d2 [D2 N2]].
    pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2). assert (Rd : 0 < Rmin d1 d2) by (apply Rmin_pos; auto).
    specialize (Least (r - Rmin d1 d2)). enough (r <= r - Rmin d1 d2) by lra. apply Least. intros s [z [Z ->]].
    apply Rnot_lt_le. intros L. pose proof (Ur z Z) as Uz. destruct (Rle_dec 0 z) as [P|P].
    + rewrite (Rabs_right z) in * by lra. apply (N1 z); auto. apply Rabs_def1; lra.
    + rewrite (Rabs_left z) in * by lra. apply (N2 z); auto. apply Rabs_def1; lra.
Qed.
(* P1: the failure radius is the largest |root|, 0 if there is none *)
Theorem failure_radius : exists r, 0 <= r /\ (forall x, r < Rabs x -> outside x) /\ (forall z, root z -> Rabs z <= r) /\
  ((exists z, root z /\ Rabs z = r) \/ (r = 0 /\ forall x, outside x)).
Proof.
  destruct (classic (exists z, root z)) as [[z0 H0]|N].
  - destruct (largest_root z0 H0) as [z [Z U]]. exists (Rabs z). pose proof (Rabs_pos z).
    repeat split; auto; [now apply outside_beyond_roots|]. left. now exists z.
  - exists 0. assert (Out : forall x, outside x).
    { intros x. apply (outside_beyond_roots (-1)); [|pose proof (Rabs_pos x); lra]. intros z Hz. destruct N. now exists z. }
    repeat split; auto; [lra|]. intros z Hz. destruct N. now exists z.
Qed.
(* no smaller one does: with a root there p is inside *)
Theorem no_smaller_radius r z : root z -> Rabs z = r -> forall r', r' < r -> exists x, r' < Rabs x /\ inside x.
Proof. intros Hz <- r' H. exists z. split; auto. now apply root_inside. Qed.
End FailureRadius.
