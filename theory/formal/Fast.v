(* Functions of a scale t that vanish exponentially, O(e^(-k t)) for some k > 0, and softmax up to them: scores that fall behind linearly
   lose all weight, scores at a constant distance share by it. *)
From ICL Require Export ExtremeToken Limits.

Definition fast (f : R -> R) := exists k K, 0 < k /\ 1 <= K /\ forall t, K <= t -> Rabs (f t) <= K * exp (- (k * t)).
Lemma decay_le k l t : 0 <= t -> k <= l -> exp (- (l * t)) <= exp (- (k * t)).
Proof. intros. apply exp_le. nra. Qed.
Lemma fast_le f g T : fast f -> (forall t, T <= t -> Rabs (g t) <= Rabs (f t)) -> fast g.
Proof.
  intros [k [K [Hk [K1 HK]]]] H. exists k, (Rmax K T). pose proof (Rmax_l K T). pose proof (Rmax_r K T). repeat split; [auto|lra|].
  intros t Ht. specialize (HK t ltac:(lra)). specialize (H t ltac:(lra)). pose proof (exp_pos (- (k * t))). nra.
Qed.
Lemma fast_ext f g : fast f -> (forall t, f t = g t) -> fast g.
Proof. intros Hf H. apply (fast_le f g 0); auto. intros. rewrite H. lra. Qed.
Lemma fast_zero : fast (fun _ => 0).
Proof. exists 1, 1. repeat split; try lra. intros t _. rewrite Rabs_R0. pose proof (exp_pos (- (1 * t))). lra. Qed.
Lemma fast_add f g : fast f -> fast g -> fast (fun t => f t + g t).
Proof.
  intros [k [K [Hk [K1 HK]]]] [l [L [Hl [L1 HL]]]]. exists (Rmin k l), (K + L). pose proof (Rmin_l k l). pose proof (Rmin_r k l).
  repeat split; [now apply Rmin_glb_lt|lra|]. intros t Ht. specialize (HK t ltac:(lra)). specialize (HL t ltac:(lra)).
  pose proof (decay_le (Rmin k l) k t ltac:(lra) ltac:(lra)). pose proof (decay_le (Rmin k l) l t ltac:(lra) ltac:(lra)).
  eapply Rle_trans; [apply Rabs_triang|]. nra.
Qed.
Lemma fast_scal c f : fast f -> fast (fun t => c * f t).
Proof.
  intros [k [K [Hk [K1 HK]]]]. pose proof (Rabs_pos c). exists k, (K * (Rabs c + 1)). repeat split; [auto|nra|]. intros t Ht.
  specialize (HK t ltac:(nra)). pose proof (exp_pos (- (k * t))). rewrite Rabs_mult.
  replace (K * (Rabs c + 1) * exp (- (k * t))) with (Rabs c * (K * exp (- (k * t))) + K * exp (- (k * t))) by ring. nra.
Qed.
Lemma fast_tau f : fast f -> fast (fun t => t * f t).
Proof.
  intros [k [K [Hk [K1 HK]]]]. assert (I : 0 < / (k / 2)) by (apply Rinv_0_lt_compat; lra). exists (k / 2), (K * (/ (k / 2) + 1)). repeat split; [lra|nra|].
  intros t Ht. assert (T : K <= t) by nra. specialize (HK t T). rewrite Rabs_mult, (Rabs_right t) by lra.
  replace (- (k * t)) with (- (k / 2 * t) + - (k / 2 * t)) in HK by field. rewrite exp_plus in HK.
  pose proof (exp_neg_le (k / 2 * t) ltac:(nra)) as E. pose proof (exp_pos (- (k / 2 * t))) as X. set (x := exp (- (k / 2 * t))) in *.
  assert (F : t * x <= / (k / 2)) by (apply Rle_trans with (t * / (k / 2 * t)); [apply Rmult_le_compat_l; lra|right; field; lra]).
  apply Rle_trans with (t * (K * (x * x))); [apply Rmult_le_compat_l; lra|]. replace (t * (K * (x * x))) with (K * x * (t * x)) by ring.
  replace (K * (/ (k / 2) + 1) * x) with (K * x * (/ (k / 2) + 1)) by ring. apply Rmult_le_compat_l; nra.
Qed.
Lemma fast_small f e : fast f -> 0 < e -> exists T, forall t, T <= t -> Rabs (f t) <= e.
Proof.
  intros [k [K [Hk [K1 HK]]]] He. assert (0 < K / (k * e)) by (apply Rmult_lt_0_compat; [lra|apply Rinv_0_lt_compat; nra]).
  exists (K + K / (k * e)). intros t Ht. specialize (HK t ltac:(lra)). pose proof (exp_neg_le (k * t) ltac:(nra)) as E.
  eapply Rle_trans; [exact HK|]. apply Rle_trans with (K * / (k * t)); [apply Rmult_le_compat_l; lra|].
  apply Rmult_le_reg_r with (k * t); [nra|]. rewrite Rmult_assoc, Rinv_l by nra. assert (B : K / (k * e) <= t) by lra.
  apply (Rmult_le_compat_r (k * e)) in B; [|nra]. unfold Rdiv in B. rewrite Rmult_assoc, Rinv_l in B by nra. lra.
Qed.
Lemma fast_mul f g : fast f -> fast g -> fast (fun t => f t * g t).
Proof.
  intros Hf Hg. destruct (fast_small g 1 Hg ltac:(lra)) as [T HT]. apply (fast_le f _ T); auto. intros t Ht. specialize (HT t Ht).
  rewrite Rabs_mult. pose proof (Rabs_pos (f t)). nra.
Qed.
Lemma fast_sum n (F : nat -> R -> R) : (forall k, (k < n)%nat -> fast (F k)) -> fast (fun t => sum n (fun k => F k t)).
Proof. induction n; intros H; simpl; [apply fast_zero|]. apply (fast_add (fun t => sum n (fun k => F k t))); auto. Qed.

(* exp *)
Lemma fast_decay k : 0 < k -> fast (fun t => exp (- (k * t))).
Proof. intros Hk. exists k, 1. repeat split; [auto|lra|]. intros t _. pose proof (exp_pos (- (k * t))). rewrite Rabs_right; lra. Qed.
Lemma fast_tie c f : fast f -> fast (fun t => exp (c + f t) - exp c).
Proof.
  intros Hf. destruct (fast_small f (1 / 2) Hf ltac:(lra)) as [T HT].
  apply (fast_le (fun t => 2 * exp c * f t) _ T); [now apply fast_scal|]. intros t Ht. specialize (HT t Ht). pose proof (exp_pos c).
  rewrite exp_plus. replace (exp c * exp (f t) - exp c) with (exp c * (exp (f t) - 1)) by ring.
    rewrite !Rabs_mult, (Rabs_right 2), (Rabs_right (exp c)) by lra.
  rewrite (Rmult_comm 2), Rmult_assoc. apply Rmult_le_compat_l; [lra|]. set (x := f t) in *. pose proof (exp_ineq1_le x) as L.
  pose proof (exp_ineq1_le (- x)) as U. pose proof (Rle_abs x). pose proof (Rle_abs (- x)). rewrite Rabs_Ropp in *.
  assert (P : exp x * exp (- x) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0). pose proof (exp_pos x). pose proof (Rabs_pos x).
  assert (exp x <= 1 + 2 * Rabs x) by nra. apply Rabs_le. lra.
Qed.

(* growing at least linearly, one way or the other *)
Definition rises (f : R -> R) := exists k T, 0 < k /\ forall t, T <= t -> k * t <= f t.
Definition falls (f : R -> R) := exists k T, 0 < k /\ forall t, T <= t -> f t <= - (k * t).
Lemma rises_fast f e : rises f -> fast e -> rises (fun t => f t + e t).
Proof.
  intros [k [T [Hk H]]] He. destruct (fast_small e 1 He ltac:(lra)) as [T' HT']. assert (I : 0 < / k) by now apply Rinv_0_lt_compat.
  exists (k / 2), (Rmax (2 * / k) (Rmax T T')). split; [lra|]. intros t Ht. pose proof (Rmax_l (2 * / k) (Rmax T T')).
    pose proof (Rmax_r (2 * / k) (Rmax T T')).
  pose proof (Rmax_l T T'). pose proof (Rmax_r T T'). specialize (H t ltac:(lra)). specialize (HT' t ltac:(lra)). apply abs_inv in HT'.
  assert (G : 2 <= k * t). { assert (B : 2 * / k <= t) by lra. apply (Rmult_le_compat_l k) in B; [|lra].
    replace (k * (2 * / k)) with 2 in B by (field; lra). lra. } lra.
Qed.
Lemma falls_rises f : falls f <-> rises (fun t => - f t).
Proof. split; intros [k [T [Hk H]]]; exists k, T; split; auto; intros t Ht; specialize (H t Ht); lra. Qed.
Lemma falls_fast f e : falls f -> fast e -> falls (fun t => f t + e t).
Proof.
  intros Hf He. apply falls_rises. apply falls_rises in Hf. destruct (rises_fast _ _ Hf (fast_scal (-1) _ He)) as [k [T [Hk H]]]. exists k, T.
    split; auto.
  intros t Ht. specialize (H t Ht). cbv beta in H. lra.
Qed.
Lemma fast_loser f : falls f -> fast (fun t => exp (f t)).
Proof.
  intros [k [T [Hk H]]]. apply (fast_le (fun t => exp (- (k * t))) _ T); [now apply fast_decay|]. intros t Ht.
  rewrite !Rabs_right by (apply Rle_ge; left; apply exp_pos). apply exp_le. auto.
Qed.
(* what vanishes beyond its own argument *)
Lemma fast_after g f : fast g -> rises f -> fast (fun t => g (f t)).
Proof.
  intros [l [K [Hl [K1 HK]]]] [k [T [Hk H]]]. assert (I : 0 < / k) by now apply Rinv_0_lt_compat.
  exists (l * k), (Rmax 1 T + K * / k + K). pose proof (Rmax_l 1 T). pose proof (Rmax_r 1 T). assert (A : 0 <= K * / k) by nra.
  repeat split; [nra|lra|]. intros t Ht. specialize (H t ltac:(lra)).
  assert (B : K <= k * t).
  { assert (B : K * / k <= t) by lra. apply (Rmult_le_compat_l k) in B; [|lra]. replace (k * (K * / k)) with K in B by (field; lra). lra. }
  specialize (HK (f t) ltac:(lra)). eapply Rle_trans; [exact HK|]. pose proof (exp_pos (- (l * f t))).
  apply Rmult_le_compat; [lra|lra|lra|]. apply exp_le. nra.
Qed.
(* what grows no faster than a power *)
Definition tame (f : R -> R) := exists C n, 0 <= C /\ forall t, 1 <= t -> Rabs (f t) <= C * t ^ n.
Lemma fast_pow n e : fast e -> fast (fun t => t ^ n * e t).
Proof.
  intros He. induction n; simpl; [apply (fast_ext e); auto; intros; ring|]. apply (fast_ext (fun t => t * (t ^ n * e t))); [now apply fast_tau|intros; ring].
Qed.
Lemma fast_tame e f : fast e -> tame f -> fast (fun t => e t * f t).
Proof.
  intros He [C [n [C0 H]]]. apply (fast_le (fun t => C * (t ^ n * e t)) _ 1); [now apply fast_scal, fast_pow|]. intros t Ht. specialize (H t Ht).
  assert (0 < t ^ n) by (apply pow_lt; lra). rewrite !Rabs_mult, (Rabs_right C), (Rabs_right (t ^ n)) by lra. pose proof (Rabs_pos (e t)). nra.
Qed.

(* ------------------------------------------------------------------ softmax: the winners share by their constants, the losers vanish *)
Definition share n (tie : nat -> bool) (C : vec) m j :=
  let e k := if tie k then exp (C k - C m) else 0 in e j / sum n e.
Theorem softmax_fast n (s : R -> vec) (g : nat -> R -> R) C m tie : (m < n)%nat -> tie m = true -> (forall j, (j < n)%nat ->
  fast (fun t => s t j - g j t)) ->
  (forall j, (j < n)%nat -> if tie j then forall t, g j t - g m t = C j - C m else falls (fun t => g j t - g m t)) ->
  forall j, (j < n)%nat -> fast (fun t => softmax n (s t) j - share n tie C m j).
Proof.
  intros Hm Tm HQ HT. set (e := fun k => if tie k then exp (C k - C m) else 0).
  assert (E : forall j, (j < n)%nat -> fast (fun t => exp (s t j - s t m) - e j)).
  { intros j Hj. pose proof (HQ j Hj) as Qj. pose proof (HQ m Hm) as Qm. specialize (HT j Hj).
    set (f := fun t => (s t j - g j t) + -1 * (s t m - g m t)).
    assert (Ff : fast f) by (apply (fast_add (fun t => s t j - g j t)); [exact Qj|apply (fast_scal (-1) _ Qm)]). unfold e. destruct (tie j).
    - apply (fast_ext _ _ (fast_tie (C j - C m) f Ff)). intros t. do 2 f_equal. rewrite <- (HT t). unfold f. ring.
    - apply (fast_ext (fun t => exp (g j t - g m t + f t))).
      + apply fast_loser. now apply (falls_fast (fun t => g j t - g m t)).
      + intros t. rewrite Rminus_0_r. f_equal. unfold f. ring. }
  assert (Z : 1 <= sum n e).
  { eapply Rle_trans; [|apply (sum_term n e m); auto].
    - unfold e. rewrite Tm, Rminus_eq_0, exp_0. lra.
    - intros k Hk. unfold e. destruct (tie k); [left; apply exp_pos|lra]. }
  intros j Hj. set (N := fun t => (exp (s t j - s t m) - e j) * sum n e + -1 * (e j * sum n (fun k => exp (s t k - s t m) - e k))).
  assert (FN : fast N).
  { apply (fast_add (fun t => (exp (s t j - s t m) - e j) * sum n e)).
    - apply (fast_ext (fun t => sum n e * (exp (s t j - s t m) - e j))); [apply fast_scal; auto|intros; ring].
    - apply fast_scal, fast_scal. now apply (fast_sum n (fun k t => exp (s t k - s t m) - e k)). }
  apply (fast_le N _ 0); auto. intros t _. set (Y := sum n (fun k => exp (s t k - s t m))).
  assert (Y1 : 1 <= Y).
  { eapply Rle_trans; [|apply (sum_term n (fun k => exp (s t k - s t m)) m); auto].
    - rewrite Rminus_eq_0, exp_0. lra.
    - intros. left. apply exp_pos. }
  assert (SM : softmax n (s t) j = exp (s t j - s t m) / Y).
  { pose proof (sum_exp_pos n (s t) ltac:(lia)). unfold softmax,
    Y. rewrite (sum_ext n (fun k => exp (s t k - s t m)) (fun k => / exp (s t m) * exp (s t k)))
      by (intros; unfold Rminus; rewrite exp_plus, exp_Ropp; ring). rewrite sum_scal. unfold Rminus. rewrite exp_plus, exp_Ropp.
    pose proof (exp_pos (s t m)). field. split; lra. }
  rewrite SM. change (share n tie C m j) with (e j / sum n e). assert (EN : N t = exp (s t j - s t m) * sum n e - e j * Y).
  { unfold N, Y. rewrite (sum_ext n (fun k => exp (s t k - s t m) - e k) (fun k => 1 * exp (s t k - s t m) + -1 * e k)) by (intros; ring).
    rewrite sum_lin. ring. }
  replace (exp (s t j - s t m) / Y - e j / sum n e) with (N t * / (Y * sum n e)) by (rewrite EN; field; lra).
  rewrite Rabs_mult. rewrite <- (Rmult_1_r (Rabs (N t))) at 2. apply Rmult_le_compat_l; [apply Rabs_pos|].
  rewrite Rabs_right by (apply Rle_ge; left; apply Rinv_0_lt_compat; nra). rewrite <- Rinv_1. apply Rinv_le_contravar; nra.
Qed.
