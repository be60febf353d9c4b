(* G4, cells: polynomials of the prompt, and when finitely many sets cover all prompts off a thin set. "Thin" is any notion closed under
   unions under which a polynomial of the tokens that is not zero for all prompts is zero on a thin set. On each of finitely many sets a
   polynomial of tau z keeps its value, or rises, or falls at least linearly in tau. *)
From ICL Require Export Lined.
Require Import List Classical FunctionalExtensionality.
Import ListNotations.

Section Polynomials.
Variable T : nat.                                                 (* tokens 0 .. T *)
Inductive polynom : (vec -> R) -> Prop :=
| p_const c : polynom (fun _ => c)
| p_tok t : (t <= T)%nat -> polynom (fun y => y t)
| p_add f g : polynom f -> polynom g -> polynom (fun y => f y + g y)
| p_mul f g : polynom f -> polynom g -> polynom (fun y => f y * g y).
Lemma poly_scal c f : polynom f -> polynom (fun y => c * f y).
Proof. intros H. apply (p_mul (fun _ => c)); auto. apply p_const. Qed.
Lemma poly_sub f g : polynom f -> polynom g -> polynom (fun y => f y - g y).
Proof.
  intros F G. replace (fun y => f y - g y) with (fun y => f y + -1 * g y) by (apply functional_extensionality; intros; ring).
  apply p_add; auto. now apply poly_scal.
Qed.
Lemma poly_sum n (F : nat -> vec -> R) : (forall k, (k < n)%nat -> polynom (F k)) -> polynom (fun y => sum n (fun k => F k y)).
Proof. induction n; intros H; [exact (p_const 0)|]. apply (p_add (fun y => sum n (fun k => F k y)) (F n)); auto. Qed.
Lemma poly_tame f : polynom f -> forall y, tame (fun t => f (scal t y)).
Proof.
  induction 1 as [c|t0 Ht|f g _ IF _ IG|f g _ IF _ IG]; intros y.
  - exists (Rabs c), O. split; [apply Rabs_pos|]. intros. simpl. lra.
  - exists (Rabs (y t0)), 1%nat. split; [apply Rabs_pos|]. intros t Ht1. unfold scal. rewrite Rabs_mult, (Rabs_right t) by lra. simpl. lra.
  - destruct (IF y) as [C [n [C0 HC]]], (IG y) as [E [m [E0 HE]]]. exists (C + E), (n + m)%nat. split; [lra|]. intros t Ht.
    specialize (HC t Ht). specialize (HE t Ht). eapply Rle_trans; [apply Rabs_triang|].
    assert (t ^ n <= t ^ (n + m)) by (apply Rle_pow; [auto|lia]). assert (t ^ m <= t ^ (n + m)) by (apply Rle_pow; [auto|lia]). nra.
  - destruct (IF y) as [C [n [C0 HC]]], (IG y) as [E [m [E0 HE]]]. exists (C * E), (n + m)%nat. split; [nra|]. intros t Ht.
    specialize (HC t Ht). specialize (HE t Ht). rewrite Rabs_mult, pow_add. replace (C * E * (t ^ n * t ^ m)) with (C * t ^ n * (E * t ^ m)) by ring.
    apply Rmult_le_compat; auto; apply Rabs_pos.
Qed.
(* in powers of the scale: constant, linear form, the rest *)
Definition lin (lam y : vec) := sum (S T) (fun t => lam t * y t).
Definition ev (l : list (vec -> R)) t y := fold_right (fun (c : vec -> R) e => c y + t * e) 0 l.
Fixpoint padd (l m : list (vec -> R)) := match l, m with [], _ => m | _, [] => l | c :: l', e :: m' => (fun y => c y + e y) :: padd l' m' end.
Definition pscal (g : vec -> R) l := map (fun (c : vec -> R) y => g y * c y) l.
Fixpoint pmul (l m : list (vec -> R)) := match l with [] => [] | c :: l' => padd (pscal c m) ((fun _ => 0) :: pmul l' m) end.
Lemma ev_add l m t y : ev (padd l m) t y = ev l t y + ev m t y.
Proof. revert m. induction l as [|c l IH]; intros [|e m]; simpl; try ring. fold (ev (padd l m) t y) (ev l t y) (ev m t y). rewrite IH. ring. Qed.
Lemma ev_scal g l t y : ev (pscal g l) t y = g y * ev l t y.
Proof. induction l as [|c l IH]; simpl; [ring|]. fold (ev (pscal g l) t y) (ev l t y). rewrite IH. ring. Qed.
Lemma ev_mul l m t y : ev (pmul l m) t y = ev l t y * ev m t y.
Proof. induction l as [|c l IH]; [simpl; ring|]. cbn [pmul]. rewrite ev_add, ev_scal. simpl. fold (ev (pmul l m) t y) (ev l t y). rewrite IH. ring. Qed.
Lemma all_add l m : Forall polynom l -> Forall polynom m -> Forall polynom (padd l m).
Proof. intros H. revert m. induction H; intros m Hm; [auto|]. destruct Hm; simpl; constructor; auto. now apply p_add. Qed.
Lemma all_scal g l : polynom g -> Forall polynom l -> Forall polynom (pscal g l).
Proof. intros G. induction 1; simpl; constructor; auto. now apply p_mul. Qed.
Lemma all_mul l m : Forall polynom l -> Forall polynom m -> Forall polynom (pmul l m).
Proof.
  intros H Hm. induction H; simpl; [constructor|]. apply all_add; [now apply all_scal|]. constructor; [apply p_const|auto].
Qed.
Lemma lin_poly lam : polynom (lin lam).
Proof. apply (poly_sum (S T) (fun t y => lam t * y t)). intros k Hk. apply poly_scal, p_tok. lia. Qed.
Theorem expansion f : polynom f -> exists c lam l, Forall polynom l /\ forall t y, f (scal t y) = c + t * (lin lam y + t * ev l t y).
Proof.
  induction 1 as [c|t0 Ht|f g _ [c [la [l [Hl E]]]] _ [e [mu [m [Hm F]]]]|f g _ [c [la [l [Hl E]]]] _ [e [mu [m [Hm F]]]]].
  - exists c, (fun _ => 0), []. split; auto. intros t y. unfold lin. rewrite (sum_ext _ _ (fun _ => 0)), sum_const by (intros; ring). simpl. ring.
  - exists 0, (delta t0), []. split; auto. intros t y. unfold lin, scal. rewrite sum_delta by lia. simpl. ring.
  - exists (c + e), (fun t => la t + mu t), (padd l m). split; [now apply all_add|]. intros t y. rewrite E, F, ev_add.
    assert (L : lin (fun t => la t + mu t) y = lin la y + lin mu y) by (unfold lin; rewrite <- sum_add; apply sum_ext; intros; ring). rewrite L. ring.
  - exists (c * e), (fun t => c * mu t + e * la t),
      (padd (padd (pscal (fun _ => c) m) (pscal (fun _ => e) l))
        ((fun y => lin la y * lin mu y) :: padd (padd (pscal (lin la) m) (pscal (lin mu) l)) ((fun _ => 0) :: pmul l m))).
    split.
    + repeat (apply all_add || apply all_scal || apply all_mul || apply Forall_cons || apply p_mul || apply p_const || apply lin_poly || auto).
    + intros t y. rewrite E, F. assert (L : lin (fun t => c * mu t + e * la t) y = c * lin mu y + e * lin la y).
      { unfold lin. rewrite <- sum_lin. apply sum_ext. intros. ring. }
      rewrite L, !ev_add, !ev_scal. simpl. fold (ev (padd (padd (pscal (lin la) m) (pscal (lin mu) l)) ((fun _ => 0) :: pmul l m)) t y).
      rewrite !ev_add, !ev_scal. simpl. fold (ev (pmul l m) t y). rewrite ev_mul. ring.
Qed.
End Polynomials.

Section Cells.
Variables (X : Type) (T : nat) (z : X -> vec) (thin : (X -> Prop) -> Prop).
Hypothesis thin_none : thin (fun _ => False).
Hypothesis thin_or : forall N M, thin N -> thin M -> thin (fun p => N p \/ M p).
Hypothesis thin_zero : forall f, polynom T f -> (forall p, f (z p) = 0) \/ thin (fun p => f (z p) = 0).

(* ------------------------------------------------------------------ finitely many sets that cover U off a thin set *)
Notation set := (X -> Prop).
Definition within (V U : set) := forall p, V p -> U p.
Definition covers (U : set) (G : set -> Prop) := exists N cells, thin N /\ (forall p, U p -> N p \/ exists V, In V cells /\ V p) /\
  forall V, In V cells -> within V U /\ G V.
Lemma covers_one (U : set) (G : set -> Prop) : G U -> covers U G.
Proof.
  intros H. exists (fun _ => False), [U]. split; [auto|]. split; [intros p Hp; right; exists U; simpl; auto|].
  intros V [<-|[]]. split; [intros p; auto|auto].
Qed.
Lemma covers_bind U (G G' : set -> Prop) : covers U G -> (forall V, within V U -> G V -> covers V G') -> covers U G'.
Proof.
  intros [N [cells [HN [HU HG]]]] H.
  assert (W : exists M cells', thin M /\ (forall p V, In V cells -> V p -> M p \/ exists V', In V' cells' /\ V' p) /\
    forall V', In V' cells' -> within V' U /\ G' V').
  { clear HU. induction cells as [|V cells IH].
    - exists (fun _ => False), []. repeat split; auto; intros; simpl in *; tauto.
    - destruct IH as [M [cs [HM [C1 C2]]]]; [intros; apply HG; simpl; auto|]. destruct (HG V (or_introl eq_refl)) as [VU GV].
      destruct (H V VU GV) as [M' [cs' [HM' [C1' C2']]]]. exists (fun p => M p \/ M' p), (cs' ++ cs). split; [auto|]. split.
      + intros p V0 [<-|I] P.
        * destruct (C1' p P) as [Q|[V' [I' Q]]]; [auto|right; exists V'; split; auto; apply in_or_app; auto].
        * destruct (C1 p V0 I P) as [Q|[V' [I' Q]]]; [auto|right; exists V'; split; auto; apply in_or_app; auto].
      + intros V' I. apply in_app_or in I. destruct I as [I|I]; [|auto]. destruct (C2' V' I) as [A B]. split; auto. intros p P. auto. }
  destruct W as [M [cells' [HM [C1 C2]]]]. exists (fun p => N p \/ M p), cells'. split; [auto|]. split; [|auto].
  intros p P. destruct (HU p P) as [Q|[V [I Q]]]; [auto|]. destruct (C1 p V I Q); auto.
Qed.
Lemma covers_imp U (G G' : set -> Prop) : covers U G -> (forall V, within V U -> G V -> G' V) -> covers U G'.
Proof. intros H I. apply (covers_bind U G); auto. intros V W HV. apply covers_one. auto. Qed.
(* finitely many choices, each made on a finer cover *)
Lemma covers_all (A : Type) (a0 : A) n (Q : nat -> A -> set -> Prop) U : (forall k a V V', within V' V -> Q k a V -> Q k a V') ->
  (forall k V, (k < n)%nat -> within V U -> covers V (fun V' => exists a, Q k a V')) -> covers U (fun V => exists a : nat ->
    A, forall k, (k < n)%nat -> Q k (a k) V).
Proof.
  intros Qm. induction n; intros H; [apply covers_one; exists (fun _ => a0); intros; lia|].
  apply (covers_bind U (fun V => exists a : nat -> A, forall k, (k < n)%nat -> Q k (a k) V)); [apply IHn; auto|].
  intros V W [a Ha]. apply (covers_imp V (fun V' => exists a, Q n a V')); [apply H; auto|].
  intros V' W' [b Hb]. exists (fun k => if Nat.eq_dec k n then b else a k). intros k Hk. destruct (Nat.eq_dec k n) as [->|N]; auto.
  apply (Qm k (a k) V); auto. apply Ha. lia.
Qed.


(* ------------------------------------------------------------------ signs *)
Definition settled (f : vec -> R) (V : set) := (forall p, V p -> f (z p) = 0) \/ (forall p, V p -> 0 < f (z p)) \/ (forall p, V p -> f (z p) < 0).
Lemma settled_within f V V' : within V' V -> settled f V -> settled f V'.
Proof. intros W [H|[H|H]]; [left|right; left|right; right]; auto. Qed.
Lemma covers_sign f U : polynom T f -> covers U (settled f).
Proof.
  intros Hq. destruct (thin_zero f Hq) as [Z|Z]; [apply covers_one; left; intros; auto|].
  exists (fun p => f (z p) = 0), [(fun p => U p /\ 0 < f (z p)); (fun p => U p /\ f (z p) < 0)]. split; [auto|]. split.
  - intros p P. destruct (Rtotal_order (f (z p)) 0) as [L|[L|L]]; [right|left; auto|right].
    + exists (fun p => U p /\ f (z p) < 0). simpl. tauto.
    + exists (fun p => U p /\ 0 < f (z p)). simpl. repeat split; auto; lra.
  - intros V [<-|[<-|[]]]; (split; [intros p P; tauto|]); [right; left|right; right]; intros p P; tauto.
Qed.
(* the sign of the first coefficient that is not zero, from the highest power down *)
Definition led (l : list (vec -> R)) (V : set) := (forall p t, V p -> ev l t (z p) = 0) \/
  (forall p, V p -> exists k t0, 0 < k /\ forall t, t0 <= t -> k <= ev l t (z p)) \/ (forall p, V p -> exists k t0, 0 < k /\ forall t, t0 <= t ->
    ev l t (z p) <= - k).
Lemma covers_led l U : Forall (polynom T) l -> covers U (led l).
Proof.
  intros H. revert U. induction H as [|c l Hc Hl IH]; intros U; [apply covers_one; left; reflexivity|].
  apply (covers_bind U (settled c)); [now apply covers_sign|]. intros V W S. apply (covers_imp V (led l)); [apply IH|].
  intros V' W' [L|[L|L]].
  - destruct S as [S|[S|S]]; [left|right; left|right; right].
    + intros p t P. simpl. fold (ev l t (z p)). rewrite (L p t P), (S p) by auto. ring.
    + intros p P. exists (c (z p)), 0. split; [auto|]. intros t _. simpl. fold (ev l t (z p)). rewrite (L p t P). lra.
    + intros p P. exists (- c (z p)), 0. split; [specialize (S p (W' p P)); lra|]. intros t _. simpl. fold (ev l t (z p)). rewrite (L p t P). lra.
  - right. left. intros p P. destruct (L p P) as [k [t0 [Hk H0]]]. exists 1, (Rmax t0 ((Rabs (c (z p)) + 1) / k)). split; [lra|]. intros t Ht.
    pose proof (Rmax_l t0 ((Rabs (c (z p)) + 1) / k)). pose proof (Rmax_r t0 ((Rabs (c (z p)) + 1) / k)). specialize (H0 t ltac:(lra)). simpl.
      fold (ev l t (z p)).
    assert (Q : (Rabs (c (z p)) + 1) / k <= t) by lra. apply (Rmult_le_compat_r k) in Q; [|lra]. unfold Rdiv in Q.
      rewrite Rmult_assoc, Rinv_l in Q by lra.
    pose proof (Rabs_pos (c (z p))). pose proof (Rle_abs (- c (z p))) as A. rewrite Rabs_Ropp in A. assert (0 <= t) by nra. nra.
  - right. right. intros p P. destruct (L p P) as [k [t0 [Hk H0]]]. exists 1, (Rmax t0 ((Rabs (c (z p)) + 1) / k)). split; [lra|]. intros t Ht.
    pose proof (Rmax_l t0 ((Rabs (c (z p)) + 1) / k)). pose proof (Rmax_r t0 ((Rabs (c (z p)) + 1) / k)). specialize (H0 t ltac:(lra)). simpl.
      fold (ev l t (z p)).
    assert (Q : (Rabs (c (z p)) + 1) / k <= t) by lra. apply (Rmult_le_compat_r k) in Q; [|lra]. unfold Rdiv in Q.
      rewrite Rmult_assoc, Rinv_l in Q by lra.
    pose proof (Rabs_pos (c (z p))). pose proof (Rle_abs (c (z p))) as A. assert (0 <= t) by nra. nra.
Qed.
Definition trend (f : vec -> R) (V : set) := (forall p t, V p -> f (scal t (z p)) = f (fun _ => 0)) \/
  (forall p, V p -> rises (fun t => f (scal t (z p)))) \/ (forall p, V p -> falls (fun t => f (scal t (z p)))).
Lemma trend_within f V V' : within V' V -> trend f V -> trend f V'.
Proof. intros W [H|[H|H]]; [left|right; left|right; right]; auto. Qed.
Theorem covers_trend f U : polynom T f -> covers U (trend f).
Proof.
  intros H. destruct (expansion T f H) as [c [lam [l [Hl E]]]].
  assert (E0 : f (fun _ => 0) = c).
  { replace (fun _ : nat => 0) with (scal 0 (fun _ => 0)) by (apply functional_extensionality; intros; unfold scal; ring). rewrite E. ring. }
  assert (E1 : forall t y, f (scal t y) = c + t * ev (lin T lam :: l) t y) by (intros; rewrite E; reflexivity).
  apply (covers_imp U (led (lin T lam :: l))); [apply covers_led; constructor; auto; apply lin_poly|].
  intros V W [L|[L|L]]; [left|right; left|right; right].
  - intros p t P. rewrite E1, L, E0 by auto. ring.
  - intros p P. destruct (L p P) as [k [t0 [Hk H0]]]. exists (k / 2), (Rmax (Rmax 0 t0) (2 * Rabs c / k)). split; [lra|]. intros t Ht.
    pose proof (Rmax_l (Rmax 0 t0) (2 * Rabs c / k)). pose proof (Rmax_r (Rmax 0 t0) (2 * Rabs c / k)). pose proof (Rmax_l 0 t0).
      pose proof (Rmax_r 0 t0).
    specialize (H0 t ltac:(lra)). rewrite E1. assert (Q : 2 * Rabs c / k <= t) by lra. apply (Rmult_le_compat_r k) in Q; [|lra].
    unfold Rdiv in Q. rewrite Rmult_assoc, Rinv_l in Q by lra. pose proof (Rle_abs (- c)) as A. rewrite Rabs_Ropp in A. nra.
  - intros p P. destruct (L p P) as [k [t0 [Hk H0]]]. exists (k / 2), (Rmax (Rmax 0 t0) (2 * Rabs c / k)). split; [lra|]. intros t Ht.
    pose proof (Rmax_l (Rmax 0 t0) (2 * Rabs c / k)). pose proof (Rmax_r (Rmax 0 t0) (2 * Rabs c / k)). pose proof (Rmax_l 0 t0).
      pose proof (Rmax_r 0 t0).
    specialize (H0 t ltac:(lra)). rewrite E1. assert (Q : 2 * Rabs c / k <= t) by lra. apply (Rmult_le_compat_r k) in Q; [|lra].
    unfold Rdiv in Q. rewrite Rmult_assoc, Rinv_l in Q by lra. pose proof (Rle_abs c) as A. nra.
Qed.
Lemma trend_pairs n (F : nat -> vec -> R) U : (forall j, (j < n)%nat -> polynom T (F j)) ->
  covers U (fun V => forall j k, (j < n)%nat -> (k < n)%nat -> trend (fun y => F j y - F k y) V).
Proof.
  intros H. apply (covers_imp U (fun V => exists a : nat -> unit, forall j, (j < n)%nat -> forall k, (k < n)%nat -> trend (fun y => F j y - F k y) V)).
  - apply (covers_all unit tt n (fun j _ V => forall k, (k < n)%nat -> trend (fun y => F j y - F k y) V)).
    + intros j _ V V' W S k Hk. apply (trend_within _ V); auto.
    + intros j V Hj W. apply (covers_imp V (fun V' => exists a : nat -> unit, forall k, (k < n)%nat -> trend (fun y => F j y - F k y) V')).
      * apply (covers_all unit tt n (fun k _ V => trend (fun y => F j y - F k y) V)).
        -- intros k _ V1 V' W1 S. apply (trend_within _ V1); auto.
        -- intros k V1 Hk W1. apply (covers_imp V1 (trend (fun y => F j y - F k y))); [apply covers_trend, poly_sub; auto|]. intros V2 _ S.
           exists tt. auto.
      * intros V' _ [_ S]. exists tt. auto.
  - intros V _ [_ S]. auto.
Qed.
(* the scores that win on a cell *)
Lemma greatest n (le : nat -> nat -> Prop) : (0 < n)%nat -> (forall j k, (j < n)%nat -> (k < n)%nat -> le j k \/ le k j) ->
  (forall i j k, le i j -> le j k -> le i k) -> exists m, (m < n)%nat /\ forall j, (j < n)%nat -> le j m.
Proof.
  intros Hn Ht Tr. induction n as [|[|n] IH]; [lia| |].
  - exists O. split; auto. intros j Hj. replace j with O by lia. destruct (Ht O O Hn Hn); auto.
  - destruct IH as [m [Hm L]]; [lia|auto|]. destruct (Ht (S n) m) as [C|C]; [lia|lia| |].
    + exists m. split; [lia|]. intros j Hj. destruct (Nat.eq_dec j (S n)) as [->|]; [auto|apply L; lia].
    + exists (S n). split; [lia|]. intros j Hj. destruct (Nat.eq_dec j (S n)) as [->|]; [destruct (Ht (S n) (S n)); auto|]. apply (Tr j m); auto.
      apply L. lia.
Qed.
Lemma choose n (A : Type) (a0 : A) (Q : nat -> A -> Prop) : (forall j, (j < n)%nat -> exists a, Q j a) -> exists f, forall j, (j < n)%nat -> Q j (f j).
Proof.
  induction n; intros H; [exists (fun _ => a0); intros; lia|]. destruct IHn as [f F]; auto. destruct (H n) as [a Ha]; auto.
  exists (fun j => if Nat.eq_dec j n then a else f j). intros j Hj. destruct (Nat.eq_dec j n) as [->|]; auto. apply F. lia.
Qed.
Lemma winners n (F : nat -> vec -> R) V : (0 < n)%nat -> (forall j k, (j < n)%nat -> (k < n)%nat -> trend (fun y => F j y - F k y) V) ->
  exists m tie, (m < n)%nat /\ tie m = true /\ forall j p, (j < n)%nat -> V p ->
    if tie j : bool then forall t, F j (scal t (z p)) - F m (scal t (z p)) = F j (fun _ => 0) - F m (fun _ => 0) else falls
      (fun t => F j (scal t (z p)) - F m (scal t (z p))).
Proof.
  intros Hn HT. destruct (classic (exists p, V p)) as [[p0 P0]|N].
  - set (le := fun j k => exists B t0, forall t, t0 <= t -> F j (scal t (z p0)) - F k (scal t (z p0)) <= B).
    destruct (greatest n le Hn) as [m [Hm L]].
    { intros j k Hj Hk. destruct (HT j k Hj Hk) as [H|[H|H]]; specialize (H p0).
      - left. exists (F j (fun _ => 0) - F k (fun _ => 0)), 0. intros t _. rewrite (H t P0). lra.
      - right. destruct (H P0) as [c [t0 [Hc H0]]]. exists 0, (Rmax 0 t0). intros t Ht. pose proof (Rmax_l 0 t0). pose proof (Rmax_r 0 t0).
        specialize (H0 t ltac:(lra)). nra.
      - left. destruct (H P0) as [c [t0 [Hc H0]]]. exists 0, (Rmax 0 t0). intros t Ht. pose proof (Rmax_l 0 t0). pose proof (Rmax_r 0 t0).
        specialize (H0 t ltac:(lra)). nra. }
    { intros i j k [B [t0 H0]] [B' [t1 H1]]. exists (B + B'), (Rmax t0 t1). intros t Ht. pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
      specialize (H0 t ltac:(lra)). specialize (H1 t ltac:(lra)). lra. }
    destruct (choose n bool true (fun j b => (j = m -> b = true) /\ forall p, V p -> if b : bool
      then forall t, F j (scal t (z p)) - F m (scal t (z p)) = F j (fun _ => 0) - F m (fun _ => 0) else falls
        (fun t => F j (scal t (z p)) - F m (scal t (z p))))) as [tie HTie].
    { intros j Hj. destruct (Nat.eq_dec j m) as [->|N]; [exists true; split; auto; intros; ring|].
      destruct (HT j m Hj Hm) as [H|[H|H]]; [exists true; split; auto; intros; now apply H| |exists false; split; [lia|auto]].
      exfalso. destruct (H p0 P0) as [c [t0 [Hc H0]]]. destruct (L j Hj) as [B [t1 H1]]. set (t := Rmax (Rmax t0 t1) ((Rabs B + 1) / c)).
      pose proof (Rmax_l (Rmax t0 t1) ((Rabs B + 1) / c)). pose proof (Rmax_r (Rmax t0 t1) ((Rabs B + 1) / c)). pose proof (Rmax_l t0 t1).
        pose proof (Rmax_r t0 t1). fold t in H2, H3.
      specialize (H0 t ltac:(lra)). specialize (H1 t ltac:(lra)). cbv beta in H0. apply (Rmult_le_compat_r c) in H3; [|lra]. unfold Rdiv in H3.
        rewrite Rmult_assoc, Rinv_l in H3 by lra.
      pose proof (Rle_abs B). lra. }
    exists m, tie. split; [auto|]. split; [now apply HTie|]. intros j p Hj P. now apply HTie.
  - exists O, (fun _ => true). split; [auto|]. split; [auto|]. intros j p _ P. exfalso. eauto.
Qed.
End Cells.
