(* G4, the induction: on each of finitely many cells every layer without LayerNorm keeps a stream a polynomial of tau z, up to what vanishes
   exponentially in tau. With softmax and plain MLPs alone the polynomials stay affine. *)
From ICL Require Export Cells FreeNetwork.
Require Import List FunctionalExtensionality.
Import ListNotations.

Definition affine T (f : vec -> R) := exists c lam, forall y, f y = c + lin T lam y.
Section Layers.
Variables (X : Type) (T : nat) (z : X -> vec) (thin : (X -> Prop) -> Prop).
Hypothesis thin_none : thin (fun _ => False).
Hypothesis thin_or : forall N M, thin N -> thin M -> thin (fun p => N p \/ M p).
Hypothesis thin_zero : forall f, polynom T f -> (forall p, f (z p) = 0) \/ thin (fun p => f (z p) = 0).
Variable d : nat.
Local Notation covers := (covers X thin).
Local Notation within := (within X).
Local Notation imp := (covers_imp X thin thin_none thin_or).
Local Notation all := (covers_all X thin thin_none thin_or).
(* a class of polynomials that the streams stay in: the affine ones, or all *)
Variable cls : (vec -> R) -> Prop.
Hypothesis cls_poly : forall f, cls f -> polynom T f.
Hypothesis cls_const : forall c, cls (fun _ => c).
Hypothesis cls_tok : forall t, (t <= T)%nat -> cls (fun y => y t).
Hypothesis cls_lin : forall a b f g, cls f -> cls g -> cls (fun y => a * f y + b * g y).
Definition closed := (forall f, polynom T f -> cls f).
Definition admissible L := match L with
  | Mix _ kind _ _ _ _ _ _ _ => forall k, match kind k with Softmax => True | Pointwise act => lined act /\ closed end
  | Gate _ _ _ act V _ _ _ => lined act /\ (closed \/ forall k i, V k i = 0) end.
Lemma cls_scal a f : cls f -> cls (fun y => a * f y).
Proof. intros F. replace (fun y => a * f y) with (fun y => a * f y + 0 * f y) by (apply functional_extensionality; intros; ring). now apply cls_lin.
  Qed.
Lemma cls_add f g : cls f -> cls g -> cls (fun y => f y + g y).
Proof. intros F G. replace (fun y => f y + g y) with (fun y => 1 * f y + 1 * g y) by (apply functional_extensionality; intros; ring).
  now apply cls_lin. Qed.
Lemma cls_sum n (F : nat -> vec -> R) : (forall k, (k < n)%nat -> cls (F k)) -> cls (fun y => sum n (fun k => F k y)).
Proof. induction n; intros H; [exact (cls_const 0)|]. apply (cls_add (fun y => sum n (fun k => F k y)) (F n)); auto. Qed.

(* near a polynomial of tau z *)
Definition near (f : R -> R) (G : vec -> R) p := fast (fun t => f t - G (scal t (z p))).
Lemma near_exact f G p : (forall t, f t = G (scal t (z p))) -> near f G p.
Proof. intros H. apply (fast_ext (fun _ => 0)); [apply fast_zero|]. intros. rewrite H. ring. Qed.
Lemma near_add f g F G p : near f F p -> near g G p -> near (fun t => f t + g t) (fun y => F y + G y) p.
Proof. intros A B. apply (fast_ext _ _ (fast_add _ _ A B)). intros. ring. Qed.
Lemma near_scal c f F p : near f F p -> near (fun t => c * f t) (fun y => c * F y) p.
Proof. intros A. apply (fast_ext _ _ (fast_scal c _ A)). intros. ring. Qed.
Lemma near_sum n (f : nat -> R -> R) (F : nat -> vec -> R) p : (forall k, (k < n)%nat -> near (f k) (F k) p) ->
  near (fun t => sum n (fun k => f k t)) (fun y => sum n (fun k => F k y)) p.
Proof.
  induction n; intros H; [now apply near_exact|]. apply (near_add (fun t => sum n (fun k => f k t)) (f n) (fun y => sum n (fun k => F k y)) (F n));
    auto.
Qed.
Lemma near_mul f g F G p : polynom T F -> polynom T G -> near f F p -> near g G p -> near (fun t => f t * g t) (fun y => F y * G y) p.
Proof.
  intros HF HG A B. apply (fast_ext (fun t => (f t - F (scal t (z p))) * (g t - G (scal t (z p)))
    + ((f t - F (scal t (z p))) * G (scal t (z p)) + (g t - G (scal t (z p))) * F (scal t (z p))))); [|intros; ring].
  apply (fast_add (fun t => (f t - F (scal t (z p))) * (g t - G (scal t (z p))))); [now apply fast_mul|].
  apply (fast_add (fun t => (f t - F (scal t (z p))) * G (scal t (z p)))); apply fast_tame; auto; now apply (poly_tame T).
Qed.

(* position, coordinate *)
Definition inside (G : nat -> nat -> vec -> R) := forall j i, (j <= T)%nat -> (i < d)%nat -> cls (G j i).
Definition at_scale (V : X -> Prop) (h : R -> X -> stream) G := forall j i p, (j <= T)%nat -> (i < d)%nat -> V p -> near (fun t => h t p j i) (G j i) p.
Lemma at_scale_within V V' h G : within V' V -> at_scale V h G -> at_scale V' h G.
Proof. intros W H j i p Hj Hi P. auto. Qed.
Definition kept (V : X -> Prop) (h : R -> X -> stream) := exists G, inside G /\ at_scale V h G.
(* a row of a matrix, read off a token *)
Definition read (G : nat -> nat -> vec -> R) (w : vec) b j y := dot d w (fun i => G j i y) + b.
Lemma read_cls G w b j : inside G -> (j <= T)%nat -> cls (read G w b j).
Proof.
  intros HG Hj. apply (cls_add (fun y => dot d w (fun i => G j i y)) (fun _ => b)); auto. apply (cls_sum d (fun i y => w i * G j i y)). intros.
    apply cls_scal. auto.
Qed.
Lemma read_near V h G w b j p : at_scale V h G -> (j <= T)%nat -> V p -> near (fun t => dot d w (h t p j) + b) (read G w b j) p.
Proof.
  intros Hh Hj P. apply (near_add (fun t => dot d w (h t p j)) (fun _ => b) (fun y => dot d w (fun i => G j i y)) (fun _ => b));
    [|now apply near_exact].
  apply (near_sum d (fun i t => w i * h t p j i) (fun i y => w i * G j i y)). intros i Hi. apply near_scal. auto.
Qed.
(* a score *)
Definition score G dh (WQ : mat) bQ (WK : mat) bK t j y := / sqrt (INR dh) * sum dh (fun i => read G (WQ i) (bQ i) t y * read G (WK i) (bK i) j y).
Lemma score_poly G dh WQ bQ WK bK t j : inside G -> (t <= T)%nat -> (j <= T)%nat -> polynom T (score G dh WQ bQ WK bK t j).
Proof.
  intros HG Ht Hj. apply poly_scal. apply (poly_sum T dh (fun i y => read G (WQ i) (bQ i) t y * read G (WK i) (bK i) j y)).
  intros i _. apply p_mul; apply cls_poly, read_cls; auto.
Qed.
Lemma score_near V h G dh WQ bQ WK bK t j p : inside G -> at_scale V h G -> (t <= T)%nat -> (j <= T)%nat -> V p ->
  near (fun tau => qk_score d dh WQ bQ WK bK (h tau p) t j) (score G dh WQ bQ WK bK t j) p.
Proof.
  intros HG Hh Ht Hj P. apply (fast_ext (fun tau => / sqrt (INR dh) * sum dh
    (fun i => (dot d (WQ i) (h tau p t) + bQ i) * (dot d (WK i) (h tau p j) + bK i))
    - score G dh WQ bQ WK bK t j (scal tau (z p)))); [|intros; unfold qk_score, mv, add, Rdiv, dot; ring].
  apply near_scal. apply (near_sum dh (fun i tau => (dot d (WQ i) (h tau p t) + bQ i) * (dot d (WK i) (h tau p j) + bK i))
    (fun i y => read G (WQ i) (bQ i) t y * read G (WK i) (bK i) j y)). intros i _.
  apply near_mul; try (apply cls_poly, read_cls; auto); apply (read_near V); auto.
Qed.
(* an activation: the polynomial again, scaled and shifted, or a constant *)
Lemma act_near (V : X -> Prop) act (f : R -> X -> R) F : lined act -> polynom T F -> (forall p, V p -> near (fun t => f t p) F p) ->
  covers V (fun V' => exists ki : R * R, forall p, V' p -> near (fun t => act (f t p)) (fun y => fst ki * F y + snd ki) p).
Proof.
  intros Ha HF Hf. destruct (lined_rises act Ha) as [k1 [i1 R1]]. destruct (lined_falls act Ha) as [k2 [i2 R2]].
  assert (W : forall k i (g : R -> R) p, near g F p -> fast (fun t => act (g t) - (k * g t + i)) -> near (fun t => act (g t)) (fun y => k * F y + i) p).
  { intros k i g p N H. apply (fast_ext (fun t => (act (g t) - (k * g t + i)) + k * (g t - F (scal t (z p))))); [|intros; ring].
    apply (fast_add (fun t => act (g t) - (k * g t + i))); auto. now apply fast_scal. }
  assert (Q : forall (g : R -> R) p t, g t = F (scal t (z p)) + (g t - F (scal t (z p)))) by (intros; ring).
  apply (imp V (trend X z F)); [now apply (covers_trend X T z thin)|]. intros V' S [H|[H|H]].
  - exists (0, act (F (fun _ => 0))). intros p P. apply (fast_ext (fun t => act (f t p) - act (F (fun _ => 0)))); [|intros; simpl; ring].
    apply (lined_still act (fun t => f t p)); auto. apply (fast_ext _ _ (Hf p (S p P))). intros t. now rewrite H.
  - exists (k1, i1). intros p P. apply W; [auto|]. apply R1. destruct (rises_fast _ _ (H p P) (Hf p (S p P))) as [k [t0 [Hk H0]]].
    exists k, t0. split; auto. intros t Ht. specialize (H0 t Ht). cbv beta in H0. lra.
  - exists (k2, i2). intros p P. apply W; [auto|]. apply R2. destruct (falls_fast _ _ (H p P) (Hf p (S p P))) as [k [t0 [Hk H0]]].
    exists k, t0. split; auto. intros t Ht. specialize (H0 t Ht). cbv beta in H0. lra.
Qed.

(* the weights of one query: constant, or polynomials where the class allows products *)
Definition weighs (w : nat -> vec -> R) := forall j F, (j <= T)%nat -> cls F -> cls (fun y => w j y * F y) /\ polynom T (w j).
Lemma pattern a dh WQ bQ WK bK t (V : X -> Prop) h G : (match a with Softmax => True | Pointwise act => lined act /\ closed end) -> inside G ->
  at_scale V h G -> (t <= T)%nat ->
  covers V (fun V' => exists w : nat -> vec -> R, weighs w /\ forall j p, (j <= t)%nat -> V' p ->
    near (fun tau => attend a (S t) (qk_score d dh WQ bQ WK bK (h tau p) t) j) (w j) p).
Proof.
  intros Ha HG Hh Ht. set (F := score G dh WQ bQ WK bK t). assert (HF : forall j, (j <= T)%nat -> polynom T (F j)) by (intros; apply score_poly; auto).
  destruct a as [|act].
  - apply (imp V (fun V' => forall j k, (j < S t)%nat -> (k < S t)%nat -> trend X z (fun y => F j y - F k y) V')).
    { apply (trend_pairs X T z thin); auto. intros. apply HF. lia. }
    intros V' W HT. destruct (winners X z (S t) F V') as [m [tie [Hm [Tm HW]]]]; [lia|auto|].
    exists (fun j _ => share (S t) tie (fun j => F j (fun _ => 0)) m j). split.
    + intros j f Hj Hf. split; [now apply cls_scal|apply p_const].
    + intros j p Hj P. apply (softmax_fast (S t) (fun tau => qk_score d dh WQ bQ WK bK (h tau p) t) (fun j tau => F j (scal tau (z p)))
      (fun j => F j (fun _ => 0)) m tie); auto; [| |lia].
      * intros l Hl. apply (score_near V); auto. lia.
      * intros l Hl. exact (HW l p Hl P).
  - destruct Ha as [Ha Hc]. apply (imp V (fun V' => exists ki : nat -> R * R, forall j, (j < S t)%nat -> forall p, V' p ->
      near (fun tau => act (qk_score d dh WQ bQ WK bK (h tau p) t j)) (fun y => fst (ki j) * F j y + snd (ki j)) p)).
    { apply (all (R * R) (0, 0) (S t) (fun j ki V' => forall p, V' p ->
      near (fun tau => act (qk_score d dh WQ bQ WK bK (h tau p) t j)) (fun y => fst ki * F j y + snd ki) p)).
      - intros j ki V1 V2 W H p P. auto.
      - intros j V1 Hj W. apply act_near; [auto|apply HF; lia|]. intros p P. apply (score_near V); auto. lia. }
    intros V' W [ki HK]. assert (Hp : forall j, (j <= T)%nat -> polynom T (fun y => fst (ki j) * F j y + snd (ki j))).
    { intros j Hj. apply (p_add T (fun y => fst (ki j) * F j y)); [apply poly_scal; auto|apply p_const]. }
    exists (fun j y => fst (ki j) * F j y + snd (ki j)). split.
    + intros j f Hj Hf. split; [|auto]. apply Hc. apply (p_mul T (fun y => fst (ki j) * F j y + snd (ki j))); auto.
    + intros j p Hj P. apply HK; [lia|auto].
Qed.

Definition next L (h : R -> X -> stream) tau p : stream := fun t => add (h tau p t) (change d L (h tau p) t).
Theorem mix_keeps V H kind dh WQ bQ WK bK OV bV h : admissible (Mix H kind dh WQ bQ WK bK OV bV) -> kept V h ->
  covers V (fun V' => kept V' (next (Mix H kind dh WQ bQ WK bK OV bV) h)).
Proof.
  intros Ha [G [HG Hh]].
  set (Q := fun k (W : nat -> nat -> vec -> R) (V' : X -> Prop) => forall t, (t < S T)%nat -> weighs (W t) /\ forall j p, (j <= t)%nat -> V' p ->
    near (fun tau => attend (kind k) (S t) (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (h tau p) t) j) (W t j) p).
  apply (imp V (fun V' => exists W : nat -> nat -> nat -> vec -> R, forall k, (k < H)%nat -> Q k (W k) V')).
  - apply (all (nat -> nat -> vec -> R) (fun _ _ _ => 0) H Q).
    { intros k W V1 V2 S H1 t Ht. destruct (H1 t Ht) as [A B]. split; auto. }
    intros k V1 Hk W1. apply (all (nat -> vec -> R) (fun _ _ => 0) (S T) (fun t w V' => weighs w /\ forall j p, (j <= t)%nat -> V' p ->
      near (fun tau => attend (kind k) (S t) (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (h tau p) t) j) (w j) p)).
    { intros t w V2 V3 S [A B]. split; auto. }
    intros t V2 Ht W2. apply (pattern (kind k) dh (WQ k) (bQ k) (WK k) (bK k) t V2 h G); [apply Ha|auto| |lia].
    apply (at_scale_within V); auto. intros p P. auto.
  - intros V' W' [W HW]. pose proof (at_scale_within V V' h G W' Hh) as Hv.
    exists (fun j i y => G j i y + sum H (fun k => sum (S j) (fun l => W k j l y * read G (OV k i) (bV k i) l y))). split.
    + intros j i Hj Hi. apply (cls_add (G j i)); [auto|]. apply (cls_sum H (fun k y => sum (S j)
      (fun l => W k j l y * read G (OV k i) (bV k i) l y))). intros k Hk.
      apply (cls_sum (S j) (fun l y => W k j l y * read G (OV k i) (bV k i) l y)). intros l Hl. destruct (HW k Hk j ltac:(lia)) as [A _].
      destruct (A l (read G (OV k i) (bV k i) l)) as [B _]; [lia|apply read_cls; auto; lia|auto].
    + intros j i p Hj Hi P. apply (near_add (fun tau => h tau p j i) (fun tau => change d (Mix H kind dh WQ bQ WK bK OV bV) (h tau p) j i) (G j i));
      [auto|].
      apply (near_sum H
        (fun k tau => sum (S j) (fun l => attend (kind k) (S j) (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (h tau p) j) l * (mv d (OV k) (h tau p l) i + bV k i)))
        (fun k y => sum (S j) (fun l => W k j l y * read G (OV k i) (bV k i) l y))). intros k Hk.
      apply (near_sum (S j)
        (fun l tau => attend (kind k) (S j) (qk_score d dh (WQ k) (bQ k) (WK k) (bK k) (h tau p) j) l * (mv d (OV k) (h tau p l) i + bV k i))
        (fun l y => W k j l y * read G (OV k i) (bV k i) l y)). intros l Hl. destruct (HW k Hk j ltac:(lia)) as [A B].
      assert (Cr : cls (read G (OV k i) (bV k i) l)) by (apply read_cls; auto; lia). destruct (A l _ ltac:(lia) Cr) as [_ C].
      apply near_mul; [auto|now apply cls_poly|apply B; [lia|auto]|]. apply (read_near V'); auto. lia.
Qed.
Lemma gate_cls G (V : mat) c k t F : inside G -> (t <= T)%nat -> closed \/ (forall k i, V k i = 0) -> cls F ->
  cls (fun y => F y * read G (V k) (c k) t y).
Proof.
  intros HG Ht [C|Z] HF.
  - apply C. apply p_mul; apply cls_poly; auto. now apply read_cls.
  - replace (fun y => F y * read G (V k) (c k) t y) with (fun y => c k * F y); [now apply cls_scal|]. apply functional_extensionality. intros y.
    unfold read, dot.
    rewrite (sum_ext d _ (fun _ => 0)), sum_const by (intros; rewrite Z; ring). ring.
Qed.
Theorem gate_keeps U m W1 b1 act V c W2 b2 h : admissible (Gate m W1 b1 act V c W2 b2) -> kept U h ->
  covers U (fun V' => kept V' (next (Gate m W1 b1 act V c W2 b2) h)).
Proof.
  intros [Ha Hg] [G [HG Hh]]. set (Q := fun t k (ki : R * R) (V' : X -> Prop) => forall p, V' p ->
    near (fun tau => act (dot d (W1 k) (h tau p t) + b1 k)) (fun y => fst ki * read G (W1 k) (b1 k) t y + snd ki) p).
  apply (imp U (fun V' => exists ki : nat -> nat -> R * R, forall t, (t < S T)%nat -> forall k, (k < m)%nat -> Q t k (ki t k) V')).
  - apply (all (nat -> R * R) (fun _ => (0, 0)) (S T) (fun t ki V' => forall k, (k < m)%nat -> Q t k (ki k) V')).
    { intros t ki V1 V2 S H1 k Hk p P. apply (H1 k Hk). auto. }
    intros t V1 Ht S1. apply (all (R * R) (0, 0) m (Q t)); [intros k ki V2 V3 S H1 p P; apply H1; auto|].
    intros k V2 Hk S2. apply act_near; [auto|apply cls_poly, read_cls; auto; lia|]. intros p P. apply (read_near U); auto. lia.
  - intros V' S' [ki HQ]. set (A := fun t k y => fst (ki t k) * read G (W1 k) (b1 k) t y + snd (ki t k)).
    assert (CA : forall t k, (t <= T)%nat -> cls (A t k)) by (intros t k Ht; apply (cls_add (fun y => fst (ki t k) * read G (W1 k) (b1 k) t y));
      auto; apply cls_scal, read_cls; auto).
    exists (fun j i y => G j i y + (sum m (fun k => W2 i k * (A j k y * read G (V k) (c k) j y)) + b2 i)). split.
    + intros j i Hj Hi. apply (cls_add (G j i)); [auto|]. apply (cls_add (fun y => sum m (fun k => W2 i k * (A j k y * read G (V k) (c k) j y)))); auto.
      apply (cls_sum m (fun k y => W2 i k * (A j k y * read G (V k) (c k) j y))). intros k Hk. apply cls_scal. apply gate_cls; auto.
    + intros j i p Hj Hi P. apply (near_add (fun tau => h tau p j i) (fun tau => change d (Gate m W1 b1 act V c W2 b2) (h tau p) j i) (G j i)); [auto|].
      apply (near_add (fun tau => sum m (fun k => act (dot d (W1 k) (h tau p j) + b1 k) * (dot d (V k) (h tau p j) + c k) * W2 i k)) (fun _ => b2 i)
        (fun y => sum m (fun k => W2 i k * (A j k y * read G (V k) (c k) j y))) (fun _ => b2 i)); [|now apply near_exact].
      apply (near_sum m (fun k tau => act (dot d (W1 k) (h tau p j) + b1 k) * (dot d (V k) (h tau p j) + c k) * W2 i k)
        (fun k y => W2 i k * (A j k y * read G (V k) (c k) j y))). intros k Hk.
      apply (fast_ext (fun tau => W2 i k * (act (dot d (W1 k) (h tau p j) + b1 k) * (dot d (V k) (h tau p j) + c k)) - W2 i k * (A j k
        (scal tau (z p)) * read G (V k) (c k) j (scal tau (z p))))); [|intros; ring].
      apply (near_scal (W2 i k) (fun tau => act (dot d (W1 k) (h tau p j) + b1 k) * (dot d (V k) (h tau p j) + c k))
        (fun y => A j k y * read G (V k) (c k) j y)).
      apply near_mul; [now apply cls_poly, CA|apply cls_poly, read_cls; auto|apply HQ; auto; lia|apply (read_near U); auto].
Qed.
Theorem network_keeps net : Forall admissible net -> forall V h, kept V h -> covers V (fun V' => kept V' (fun tau p => free_run d net (h tau p))).
Proof.
  induction 1 as [|L net HL HF IH]; intros V h Hk; [now apply covers_one|].
  apply (covers_bind X thin thin_none thin_or V (fun V' => kept V' (next L h))).
  - destruct L; [now apply mix_keeps|now apply gate_keeps].
  - intros V' W K. apply (IH V' (next L h) K).
Qed.
(* the whole network *)
Variables (w_in b_in w : vec) (pos : nat -> vec) (b0 : R).
Definition answer net tau p := dot d w (free_run d net (embed w_in b_in pos (fun t => tau * z p t)) T) + b0.
Theorem finite_cells net : Forall admissible net -> covers (fun _ => True) (fun V => exists G, cls G /\ forall p, V p ->
  near (fun tau => answer net tau p) G p).
Proof.
  intros HN. apply (imp _ (fun V => kept V (fun tau p => free_run d net (embed w_in b_in pos (fun t => tau * z p t))))).
  - apply (network_keeps net HN (fun _ => True) (fun tau p => embed w_in b_in pos (fun t => tau * z p t))).
    exists (fun j i y => w_in i * y j + (b_in i + pos j i)). split.
    + intros j i Hj Hi. apply (cls_add (fun y => w_in i * y j)); auto. apply (cls_scal (w_in i) (fun y => y j)). auto.
    + intros j i p Hj Hi _. apply near_exact. intros. unfold embed, add, scal. ring.
  - intros V _ [G [HG Hh]]. exists (read G w b0 T). split; [now apply read_cls|]. intros p P.
    apply (read_near V (fun tau p => free_run d net (embed w_in b_in pos (fun t => tau * z p t))) G w b0 T p); auto.
Qed.
End Layers.
