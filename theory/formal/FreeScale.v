(* G4 assembled: for any inputs x_1 .. x_n, all but a thin set of slopes a and queries x_q are lost by every network without LayerNorm,
   whatever its depth and weights: softmax, linear or sigmoid attention, MLPs plain or gated. Its answer to the prompt tau z, z = (x_1,
   a x_1, .., x_n, a x_n, x_q), is one of finitely many polynomials of tau z up to what vanishes exponentially in tau; the part
   that grows like tau is a linear form of z, and a x_q is none. With softmax and plain MLPs the polynomials are affine. *)
From ICL Require Export Layers OneLayer Roots.
Require Import List FunctionalExtensionality.
Import ListNotations.

Lemma allowed_admissible T L : allowed L -> admissible T (polynom T) L.
Proof.
  assert (C : closed T (polynom T)) by (intros f H; exact H). destruct L; simpl; [|auto]. intros HA k. specialize (HA k). destruct (kind k); auto.
Qed.
Lemma plain_admissible T L : plain L -> admissible T (affine T) L.
Proof. destruct L; simpl; [|tauto]. intros HA k. now rewrite HA. Qed.
Lemma affine_polynom T f : affine T f -> polynom T f.
Proof.
  intros [c [lam E]]. replace f with (fun y => c + lin T lam y) by (apply functional_extensionality; intros; now rewrite E).
  apply (p_add T (fun _ => c)); [apply p_const|apply lin_poly].
Qed.
Lemma affine_const T c : affine T (fun _ => c).
Proof. exists c, (fun _ => 0). intros y. unfold lin. rewrite (sum_ext _ _ (fun _ => 0)), sum_const by (intros; ring). ring. Qed.
Lemma affine_tok T t : (t <= T)%nat -> affine T (fun y => y t).
Proof. intros H. exists 0, (delta t). intros y. unfold lin. rewrite sum_delta by lia. ring. Qed.
Lemma affine_lin T a b f g : affine T f -> affine T g -> affine T (fun y => a * f y + b * g y).
Proof.
  intros [c [la F]] [e [mu G]]. exists (a * c + b * e), (fun t => a * la t + b * mu t). intros y. rewrite F, G.
  assert (L : lin T (fun t => a * la t + b * mu t) y = a * lin T la y + b * lin T mu y) by (unfold lin; rewrite <- sum_lin; apply sum_ext; intros;
    ring).
  rewrite L. ring.
Qed.

(* ------------------------------------------------------------------ the prompts of lines *)
Lemma sum_pairs n f : sum (2 * n) f = sum n (fun i => f (2 * i)%nat + f (2 * i + 1)%nat).
Proof.
  induction n; [reflexivity|]. replace (2 * S n)%nat with (S (S (2 * n))) by lia. cbn [sum]. rewrite IHn.
    replace (2 * n + 1)%nat with (S (2 * n)) by lia. ring.
Qed.
Section Lines.
Variables (n : nat) (x : nat -> R).
Let z (p : R * R) : vec := line_prompt n x (snd p) (fst p).
Lemma lines_form lam a q : lin (2 * n) lam (z (a, q)) = NoScale.form n (fun i => lam (2 * i)%nat) (fun i => lam (2 * i + 1)%nat) (lam (2 * n)%nat) x a q.
Proof.
  unfold lin. cbn [sum]. rewrite sum_pairs. unfold z, NoScale.form, dot. cbn [fst snd]. rewrite last_token, <- sum_scal, <- sum_add. f_equal.
  apply sum_ext. intros i Hi. unfold line_prompt. destruct (Nat.eq_dec (2 * i) (2 * n)); [lia|]. destruct (Nat.eq_dec (2 * i + 1) (2 * n)); [lia|].
  rewrite Nat.even_mul. replace (Nat.even (2 * i + 1)) with false by (rewrite Nat.add_1_r, Nat.even_succ, <- Nat.negb_even, Nat.even_mul; auto).
  rewrite Nat.div2_double. replace (Nat.div2 (2 * i + 1)) with i by (rewrite Nat.add_1_r; symmetry; apply Nat.div2_succ_double). simpl. ring.
Qed.
Lemma lines_planar f : polynom (2 * n) f -> planar (fun p => f (z p)).
Proof.
  induction 1 as [c|t Ht|f g _ F _ G|f g _ F _ G]; [apply planar_const| |now apply (planar_add (fun p => f (z p)))|now apply (planar_mul
    (fun p => f (z p)))].
  unfold z, line_prompt. destruct (Nat.eq_dec t (2 * n)); [apply planar_snd|]. destruct (Nat.even t); [apply planar_const|].
  apply (planar_mul fst); [apply planar_fst|apply planar_const].
Qed.
Lemma lines_thin f : polynom (2 * n) f -> (forall p, f (z p) = 0) \/ thin (fun p => f (z p) = 0).
Proof. intros H. now apply planar_thin, lines_planar. Qed.

Variables (d : nat) (w_in b_in w : vec) (pos : nat -> vec) (b0 : R) (net : list layer).
(* the answer to the prompt scaled by tau *)
Definition scaled tau a xq := dot d w (free_run d net (embed w_in b_in pos (fun t => tau * line_prompt n x xq a t)) (2 * n)%nat) + b0.
Let err tau a xq := Rabs (scaled tau a xq - tau * (a * xq)) / tau.
Let cells_of cls := finite_cells (R * R) (2 * n) z thin thin_none thin_or lines_thin d cls.

Theorem polynomial_cells : Forall allowed net -> exists N Gs, thin N /\ Forall (polynom (2 * n)) Gs /\ forall a xq, ~ N (a, xq) ->
  exists G, In G Gs /\ fast (fun tau => scaled tau a xq - G (scal tau (line_prompt n x xq a))).
Proof.
  intros HA. assert (HN : Forall (admissible (2 * n) (polynom (2 * n))) net) by (eapply Forall_impl; [|exact HA]; apply allowed_admissible).
  destruct (cells_of (polynom (2 * n))) with (w_in := w_in) (b_in := b_in) (w := w) (pos := pos) (b0 := b0) (net := net) as [N [Vs [TN [HC HV]]]]; auto.
  { apply p_const. } { apply p_tok. } { intros. apply (p_add _ (fun y => a * f y)); now apply poly_scal. }
  exists N. assert (W : exists Gs, Forall (polynom (2 * n)) Gs /\ forall V p, In V Vs -> V p ->
    exists G, In G Gs /\ near (R * R) z (fun tau => scaled tau (fst p) (snd p)) G p).
  { clear HC. induction Vs as [|V Vs IH]; [exists []; split; [constructor|intros V p []]|].
    destruct IH as [Gs [PG HG]]; [intros; apply HV; simpl; auto|].
    destruct (HV V (or_introl eq_refl)) as [_ [G [PG0 HG0]]]. exists (G :: Gs). split; [now constructor|].
    intros V0 p [<-|I] P; [exists G; split; [left; auto|exact (HG0 p P)]|]. destruct (HG V0 p I P) as [G' [I' H']]. exists G'.
      split; [right; auto|auto]. }
  destruct W as [Gs [PG HG]]. exists Gs. split; [auto|]. split; [auto|]. intros a xq Hn. destruct (HC (a, xq) I) as [H|[V [IV P]]]; [tauto|].
    exact (HG V (a, xq) IV P).
Qed.
(* a polynomial cell, by its powers: the answer over tau tends to a linear form of the prompt, or leaves every multiple of tau *)
Definition grows_past a xq := forall B, exists T0, forall tau, T0 <= tau -> B <= err tau a xq.
Lemma powers G p c lam l k t0 : (forall t y, G (scal t y) = c + t * (lin (2 * n) lam y + t * ev l t y)) ->
  near (R * R) z (fun tau => scaled tau (fst p) (snd p)) G p ->
  0 < k -> (forall t, t0 <= t -> k <= Rabs (ev l t (z p))) -> grows_past (fst p) (snd p).
Proof.
  intros E HG Hk H0 B. destruct (fast_small _ 1 HG ltac:(lra)) as [T1 H1]. set (M := Rabs (lin (2 * n) lam (z p) - fst p * snd p) + (Rabs c + 1)).
  exists (Rmax 1 (Rmax (Rmax t0 T1) ((Rabs B + M) / k))). intros t Ht. pose proof (Rmax_l 1 (Rmax (Rmax t0 T1) ((Rabs B + M) / k))) as A1.
  pose proof (Rmax_r 1 (Rmax (Rmax t0 T1) ((Rabs B + M) / k))) as A2. pose proof (Rmax_l (Rmax t0 T1) ((Rabs B + M) / k)) as A3.
  pose proof (Rmax_r (Rmax t0 T1) ((Rabs B + M) / k)) as A4. pose proof (Rmax_l t0 T1). pose proof (Rmax_r t0 T1).
  specialize (H0 t ltac:(lra)). specialize (H1 t ltac:(lra)). rewrite E in H1. set (L := lin (2 * n) lam (z p) - fst p * snd p) in *.
    set (e := ev l t (z p)) in *.
  set (r := scaled t (fst p) (snd p) - (c + t * (lin (2 * n) lam (z p) + t * e))) in *. unfold err.
  replace (scaled t (fst p) (snd p) - t * (fst p * snd p)) with (t * (t * e) + (t * L + (c + r))) by (unfold r, L; ring).
  assert (Q : Rabs B + M <= t * k). { assert (Q : (Rabs B + M) / k <= t) by lra. apply (Rmult_le_compat_r k) in Q; [|lra]. unfold Rdiv in Q.
    rewrite Rmult_assoc, Rinv_l in Q by lra. lra. }
  pose proof (Rabs_triang (t * (t * e) + (t * L + (c + r))) (- (t * L + (c + r)))) as Tr. rewrite Rabs_Ropp in Tr.
  replace (t * (t * e) + (t * L + (c + r)) + - (t * L + (c + r))) with (t * (t * e)) in Tr by ring. rewrite !Rabs_mult, (Rabs_right t) in Tr by lra.
  assert (U : Rabs (t * L + (c + r)) <= t * M).
  { eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_right t) by lra. pose proof (Rabs_triang c r). pose proof (Rabs_pos c).
    unfold M. fold L. nra. }
  pose proof (Rle_abs B). assert (V : t * (Rabs B + M) <= t * (t * Rabs e)) by (apply Rmult_le_compat_l; [lra|]; nra).
  apply Rmult_le_reg_r with t; [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. nra.
Qed.
Lemma lost_at a xq L : tends (fun tau => scaled tau a xq / tau) L -> L <> a * xq -> exists r, 0 < r /\ tends (fun tau => err tau a xq) r.
Proof.
  intros H N. exists (Rabs (L - a * xq)). split; [apply Rabs_pos_lt;
    lra|]. apply (tends_eventually (fun tau => Rabs (scaled tau a xq / tau + -1 * (a * xq)))).
  { intros tau Ht. unfold err. replace (scaled tau a xq - tau * (a * xq)) with (tau * (scaled tau a xq / tau + -1 * (a * xq))) by (field; lra).
    rewrite Rabs_mult, (Rabs_right tau) by lra. field. lra. }
  apply (tends_continuous Rabs (fun tau => scaled tau a xq / tau + -1 * (a * xq))); [apply Rcontinuity_abs|].
  replace (L - a * xq) with (L + -1 * (a * xq)) by ring. apply (tends_add (fun tau => scaled tau a xq / tau)); auto. apply tends_const.
Qed.
Lemma slope_of G p c lam l : (forall t y, G (scal t y) = c + t * (lin (2 * n) lam y + t * ev l t y)) ->
  near (R * R) z (fun tau => scaled tau (fst p) (snd p)) G p ->
  (forall t, ev l t (z p) = 0) -> tends (fun tau => scaled tau (fst p) (snd p) / tau) (lin (2 * n) lam (z p)).
Proof.
  intros E HG H0. destruct (fast_small _ 1 HG ltac:(lra)) as [T1 H1]. apply (tends_rate _ _ (1 + Rabs c) (Rmax 1 T1)). intros t Ht.
    pose proof (Rmax_l 1 T1). pose proof (Rmax_r 1 T1).
  specialize (H1 t ltac:(lra)). rewrite E, H0 in H1. set (s := scaled t (fst p) (snd p)) in *.
  replace (s / t - lin (2 * n) lam (z p)) with ((s - (c + t * (lin (2 * n) lam (z p) + t * 0)) + c) * / t) by (field; lra).
  rewrite Rabs_mult, (Rabs_right (/ t)) by (apply Rle_ge; left; apply Rinv_0_lt_compat; lra).
  apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; lra|]. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.
(* finitely many linear forms *)
Theorem finitely_many_cells : Forall allowed net -> exists N (cells : list cell), thin N /\ forall a xq, ~ N (a, xq) ->
  (exists k, In k cells /\ tends (fun tau => scaled tau a xq / tau) (on k n x a xq)) \/ grows_past a xq.
Proof.
  intros HA. destruct (polynomial_cells HA) as [N [Gs [TN [PG HG]]]].
  assert (W : exists M (cells : list cell), thin M /\ forall G p, In G Gs -> near (R * R) z (fun tau => scaled tau (fst p) (snd p)) G p -> M p \/
    (exists k, In k cells /\ tends (fun tau => scaled tau (fst p) (snd p) / tau) (on k n x (fst p) (snd p))) \/ grows_past (fst p) (snd p)).
  { clear HG. induction PG as [|G Gs HG0 PG IH]; [exists (fun _ => False), []; split; [apply thin_none|intros G p []]|].
    destruct IH as [M [cells [TM HM]]]. destruct (expansion (2 * n) G HG0) as [c [lam [l [Hl E]]]].
    destruct (covers_led (R * R) (2 * n) z thin thin_none thin_or lines_thin l (fun _ => True) Hl) as [M0 [Vs [TM0 [C0 CV]]]].
    exists (fun p => M0 p \/ M p), ((fun i => lam (2 * i)%nat, fun i => lam (2 * i + 1)%nat, lam (2 * n)%nat) :: cells). split; [now apply thin_or|].
    intros G' p [<-|I'] HG.
    - destruct (C0 p I) as [Q|[V [IV P]]]; [auto|]. right. destruct (CV V IV) as [_ [L|[L|L]]].
      + left. eexists. split; [left; reflexivity|]. unfold on. cbn [fst snd]. rewrite <- lines_form, <- surjective_pairing.
        apply (slope_of G p c lam l E HG). intros t. exact (L p t P).
      + right. destruct (L p P) as [k [t0 [Hk H0]]]. apply (powers G p c lam l k t0); auto. intros t Ht.
        apply Rle_trans with (ev l t (z p)); [exact (H0 t Ht)|apply Rle_abs].
      + right. destruct (L p P) as [k [t0 [Hk H0]]]. apply (powers G p c lam l k t0); auto. intros t Ht. specialize (H0 t Ht).
        rewrite Rabs_left by lra. lra.
    - destruct (HM G' p I' HG) as [Q|[[k [K1 K2]]|Q]]; [auto|right; left; exists k; split; [right; auto|auto]|auto]. }
  destruct W as [M [cells [TM HM]]]. exists (fun p => N p \/ M p), cells. split; [now apply thin_or|]. intros a xq Hn.
    destruct (HG a xq) as [G [IG NG]]; [tauto|].
  destruct (HM G (a, xq) IG NG) as [Q|Q]; [tauto|exact Q].
Qed.
(* so almost every line is lost: the error over tau tends to a positive number or to infinity *)
Theorem almost_all_lost : Forall allowed net -> exists N, thin N /\ forall a xq, ~ N (a, xq) ->
  (exists r, 0 < r /\ tends (fun tau => err tau a xq) r) \/ grows_past a xq.
Proof.
  intros HA. destruct (finitely_many_cells HA) as [N [cells [HN HC]]].
  assert (M : thin (fun p => exists k, In k cells /\ on k n x (fst p) (snd p) = fst p * snd p)).
  { clear HC. induction cells as [|k cells IH]; [exists []; intros q _; exists []; intros a [k [[] _]]|].
    destruct (plane_thin [[dot n (fst (fst k)) x; snd k]; [dot n (snd (fst k)) x; -1]]) as [Z|Z].
    - exfalso. pose proof (Z (0, 0)) as Z0. pose proof (Z (1, 0)) as Z1. pose proof (Z (0, 1)) as Z2. pose proof (Z (1, 1)) as Z3. unfold plane in *.
      simpl in *. lra.
    - destruct (thin_or _ _ Z IH) as [Q HQ]. exists Q. intros q Hq. destruct (HQ q Hq) as [A HA0]. exists A. intros a [k0 [[<-|I0] E]]; apply HA0.
      + left. unfold on, NoScale.form in E. unfold plane. simpl in *. lra.
      + right. exists k0. auto. }
  exists (fun p => N p \/ exists k, In k cells /\ on k n x (fst p) (snd p) = fst p * snd p). split; [now apply thin_or|].
  intros a xq Hn. destruct (HC a xq) as [[k [K1 K2]]|Q]; [tauto| |auto]. left. apply (lost_at a xq (on k n x a xq) K2). intros E. apply Hn. right.
    exists k. auto.
Qed.
(* and from some scale on, for good *)
Theorem lost_from_some_scale a1 a2 q1 q2 : Forall allowed net -> a1 < a2 -> q1 < q2 -> exists a xq r T0, a1 < a < a2 /\ q1 < xq < q2 /\ 0 < r /\
  forall tau, T0 <= tau -> r <= err tau a xq.
Proof.
  intros HA Ha Hq. destruct (almost_all_lost HA) as [N [HN HL]]. destruct (thin_avoided N a1 a2 q1 q2 HN Ha Hq) as [a [xq [A [Q Hn]]]].
  destruct (HL a xq Hn) as [[r [R0 Hr]]|Hg].
  - destruct (Hr (r / 2) ltac:(lra)) as [T0 HT]. exists a, xq, (r / 2), T0. repeat split; try tauto; [lra|]. intros tau Ht. specialize (HT tau Ht).
    apply Rabs_def2 in HT. lra.
  - destruct (Hg 1) as [T0 HT]. exists a, xq, 1, T0. repeat split; try tauto. lra.
Qed.
(* with softmax and plain MLPs the answer is affine in tau, so the limit is always a linear form *)
Theorem affine_cells : Forall plain net -> exists N (cells : list cell), thin N /\ forall a xq, ~ N (a, xq) ->
  exists k c, In k cells /\ fast (fun tau => scaled tau a xq - (c + tau * on k n x a xq)).
Proof.
  intros HA. assert (HN : Forall (admissible (2 * n) (affine (2 * n))) net) by (eapply Forall_impl; [|exact HA]; apply plain_admissible).
  destruct (cells_of (affine (2 * n))) with (w_in := w_in) (b_in := b_in) (w := w) (pos := pos) (b0 := b0) (net := net) as [N [Vs [TN [HC HV]]]]; auto.
  { apply affine_polynom. } { apply affine_const. } { apply affine_tok. } { apply affine_lin. }
  exists N. assert (W : exists cells : list cell, forall V p, In V Vs -> V p ->
    exists k c, In k cells /\ fast (fun tau => scaled tau (fst p) (snd p) - (c + tau * on k n x (fst p) (snd p)))).
  { clear HC. induction Vs as [|V Vs IH]; [exists []; intros V p []|]. destruct IH as [cells HI]; [intros; apply HV; simpl; auto|].
    destruct (HV V (or_introl eq_refl)) as [_ [G [[c [lam E]] HG]]]. exists ((fun i => lam (2 * i)%nat, fun i => lam (2 * i + 1)%nat,
      lam (2 * n)%nat) :: cells).
    intros V0 p [<-|I0] P.
    - eexists. exists c. split; [left; reflexivity|]. apply (fast_ext _ _ (HG p P)). intros tau. unfold on. cbn [fst snd].
      rewrite <- lines_form, <- surjective_pairing, E.
      f_equal. f_equal. unfold lin, scal. rewrite <- sum_scal. apply sum_ext. intros. ring.
    - destruct (HI V0 p I0 P) as [k [c' [K1 K2]]]. exists k, c'. split; [right; auto|auto]. }
  destruct W as [cells HW]. exists cells. split; [auto|]. intros a xq Hn. destruct (HC (a, xq) I) as [H|[V [IV P]]]; [tauto|].
    exact (HW V (a, xq) IV P).
Qed.
End Lines.

(* G4 (i): at one scale there is no floor, other weights do there what these do at scale 1 *)
Theorem one_scale_is_free n x d w_in b_in w pos b0 net tau a xq : tau <> 0 ->
  scaled n x d w_in b_in w pos b0 net tau a xq / tau = scaled n x d (scal tau w_in) b_in (scal (/ tau) w) pos (b0 / tau) net 1 a xq.
Proof.
  intros Ht. unfold scaled. rewrite dot_scal. replace (embed (scal tau w_in) b_in pos (fun t => 1 * line_prompt n x xq a t))
    with (embed w_in b_in pos (fun t => tau * line_prompt n x xq a t)); [field; auto|].
  apply functional_extensionality. intros t. apply functional_extensionality. intros i. unfold embed, add, scal. ring.
Qed.
