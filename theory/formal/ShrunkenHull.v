(* S3: the exact interval of a softmax average whose scores have range del, both ends attained; it is an expectile interval.
   S6: the average is the mean of the values plus at most sinh(del/2) standard deviations. *)
From ICL Require Export Softmax LayerNorm.

(* scores c+del on the first k tokens, c on the others *)
Definition step c del k : vec := fun j => if (j <? k)%nat then c + del else c.

Lemma wmean_scal n c a l : 0 < c -> 0 < sum n a -> wmean n (fun j => c * a j) l = wmean n a l.
Proof.
  intros Hc Ha. unfold wmean. rewrite (sum_ext n _ (fun j => c * (a j * l j))) by (intros; ring).
  rewrite !sum_scal. field. lra.
Qed.
Lemma wmean_neg n a l : wmean n a (fun j => - l j) = - wmean n a l.
Proof.
  unfold wmean. rewrite (sum_ext n _ (fun j => -1 * (a j * l j))) by (intros; ring). rewrite sum_scal. unfold Rdiv. ring.
Qed.

(* ------------------------------------------------------------------ S3, both sides *)
Lemma exp_step c del k j : exp (step c del k j) = topk (exp c) (exp (c + del)) k j.
Proof. unfold step, topk. now destruct (j <? k)%nat. Qed.

Theorem shrunken_hull_upper n s l c del : (0 < n)%nat -> (forall j, (j < n)%nat -> c <= s j <= c + del) ->
  (forall i j, (i <= j < n)%nat -> l j <= l i) ->
  exists k, (k <= n)%nat /\ dot n (softmax n s) l <= dot n (softmax n (step c del k)) l.
Proof.
  intros Hn Hs Hl. rewrite softmax_wmean by auto.
  destruct (shrunken_hull_sorted n (fun j => exp (s j)) l (exp c) (exp (c + del))) as [k [K1 K2]]; auto; [apply exp_pos| |].
  - intros j Hj. specialize (Hs j Hj). split; apply exp_le; lra.
  - exists k. split; auto. rewrite softmax_wmean by auto. eapply Rle_trans; [exact K2|]. right.
    apply wmean_ext. intros. now rewrite exp_step.
Qed.

Lemma suffix n l tau : (forall i j, (i <= j < n)%nat -> l j <= l i) ->
  exists k, (k <= n)%nat /\ forall j, (j < n)%nat -> (l j < tau <-> (k <= j)%nat).
Proof.
  induction n; intros H.
  - exists O. split; [lia|intros; lia].
  - destruct (Rlt_dec (l n) tau) as [L|L].
    + destruct IHn as [k [K1 K2]]; [intros; apply H; lia|].
      exists k. split; [lia|]. intros j Hj. destruct (Nat.eq_dec j n) as [->|E]; [|apply K2; lia].
      split; [lia|auto].
    + exists (S n). split; auto. intros j Hj. split; [|lia]. intros A. exfalso. apply L.
      eapply Rle_lt_trans; [apply (H j n); lia|auto].
Qed.
Theorem shrunken_hull_lower n s l c del : (0 < n)%nat -> (forall j, (j < n)%nat -> c <= s j <= c + del) ->
  (forall i j, (i <= j < n)%nat -> l j <= l i) ->
  exists k, (k <= n)%nat /\ dot n (softmax n (step (c + del) (- del) k)) l <= dot n (softmax n s) l.
Proof.
  intros Hn Hs Hl. rewrite softmax_wmean by auto. set (a := fun j => exp (s j)). set (M := wmean n a l).
  destruct (suffix n l M Hl) as [k [K1 K2]]. exists k. split; auto. rewrite softmax_wmean by auto.
  apply Ropp_le_cancel. unfold M. rewrite <- !wmean_neg.
  eapply Rle_trans; [apply (shrunken_hull n a (fun j => - l j) (exp c) (exp (c + del))); auto; [apply exp_pos|]|].
  - intros j Hj. specialize (Hs j Hj). unfold a. split; apply exp_le; lra.
  - right. apply wmean_ext. intros j Hj. specialize (K2 j Hj). rewrite wmean_neg. fold M. unfold bang, step.
    destruct (Rlt_dec (- M) (- l j)); destruct (Nat.ltb_spec j k).
    + exfalso. assert (l j < M) by lra. apply K2 in H0. lia.
    + reflexivity.
    + f_equal. ring.
    + exfalso. apply K2 in H. lra.
Qed.

(* the closed form of an end: r (sum of the first k) + the rest, over k r + n - k, with r = e^del *)
Lemma sum_topk n k lo hi f : (k <= n)%nat ->
  sum n (fun j => topk lo hi k j * f j) = lo * sum n f + (hi - lo) * sum k f.
Proof.
  intros Hk. induction n.
  - assert (k = O) by lia. subst k. simpl. ring.
  - simpl. destruct (Nat.eq_dec k (S n)) as [->|E].
    + unfold topk at 2. destruct (Nat.ltb_spec n (S n)); [|lia]. simpl.
      rewrite (sum_ext n _ (fun j => hi * f j)); [rewrite sum_scal; ring|].
      intros j Hj. unfold topk. destruct (Nat.ltb_spec j (S n)); [auto|lia].
    + rewrite IHn by lia. unfold topk. destruct (Nat.ltb_spec n k); [lia|]. ring.
Qed.
Theorem step_value n k l c del : (0 < n)%nat -> (k <= n)%nat ->
  dot n (softmax n (step c del k)) l
  = (exp del * sum k l + (sum n l - sum k l)) / (INR k * exp del + (INR n - INR k)).
Proof.
  intros Hn Hk. rewrite softmax_wmean by auto. unfold wmean.
  rewrite (sum_ext n (fun j => exp (step c del k j) * l j) (fun j => topk (exp c) (exp (c + del)) k j * l j))
    by (intros; now rewrite exp_step).
  rewrite (sum_ext n (fun j => exp (step c del k j)) (fun j => topk (exp c) (exp (c + del)) k j * 1))
    by (intros; rewrite exp_step; ring).
  rewrite !sum_topk, !sum_const, exp_plus by auto. pose proof (exp_pos c). pose proof (exp_pos del).
  assert (N : 1 <= INR n) by (apply (le_INR 1); lia). assert (K : 0 <= INR k <= INR n) by (split; [apply pos_INR|now apply le_INR]).
  assert (0 < INR k * exp del + (INR n - INR k)) by (destruct (Req_dec (INR k) 0); nra).
  set (Q := INR k * exp del + (INR n - INR k)) in *.
  replace (exp c * (INR n * 1) + (exp c * exp del - exp c) * (INR k * 1)) with (exp c * Q) by (unfold Q; ring).
  field. lra.
Qed.

(* S3': the end is an expectile, the mu at which r * (what lies above) = what lies below; no order of the values is needed *)
Definition above (mu : R) n (l : vec) := sum n (fun j => Rmax (l j - mu) 0).
Definition below (mu : R) n (l : vec) := sum n (fun j => Rmax (mu - l j) 0).
Lemma balance n mu r l : sum n (fun j => bang 1 r mu l j * (l j - mu)) = r * above mu n l - below mu n l.
Proof.
  unfold above, below. replace (r * sum n (fun j => Rmax (l j - mu) 0) - sum n (fun j => Rmax (mu - l j) 0))
    with (r * sum n (fun j => Rmax (l j - mu) 0) + -1 * sum n (fun j => Rmax (mu - l j) 0)) by ring.
  rewrite <- sum_lin. apply sum_ext. intros j _. unfold bang. destruct (Rlt_dec mu (l j)).
  - rewrite Rmax_left, Rmax_right by lra. ring.
  - rewrite Rmax_right, Rmax_left by lra. ring.
Qed.
Lemma wmean_shift n a l mu : 0 < sum n a -> sum n (fun j => a j * (l j - mu)) = (wmean n a l - mu) * sum n a.
Proof.
  intros Ha. rewrite (sum_ext n _ (fun j => 1 * (a j * l j) + - mu * a j)) by (intros; ring).
  rewrite sum_lin. unfold wmean. field. lra.
Qed.
Theorem expectile n a l mu r : (0 < n)%nat -> (forall j, (j < n)%nat -> 1 <= a j <= r) ->
  r * above mu n l = below mu n l -> wmean n a l <= mu.
Proof.
  intros Hn Ha E. assert (S : 0 < sum n a) by (apply sum_pos; auto; intros j Hj; specialize (Ha j Hj); lra).
  pose proof (wmean_shift n a l mu S) as W. pose proof (balance n mu r l) as B. rewrite E in B.
  assert (L : sum n (fun j => a j * (l j - mu)) <= sum n (fun j => bang 1 r mu l j * (l j - mu))).
  { apply sum_le. intros j Hj. specialize (Ha j Hj). unfold bang. destruct (Rlt_dec mu (l j)); nra. }
  nra.
Qed.
Theorem expectile_attained n l mu r : (0 < n)%nat -> 1 <= r ->
  r * above mu n l = below mu n l -> wmean n (bang 1 r mu l) l = mu.
Proof.
  intros Hn Hr E. assert (S : 0 < sum n (bang 1 r mu l)).
  { apply sum_pos; auto. intros j _. unfold bang. destruct (Rlt_dec mu (l j)); lra. }
  pose proof (wmean_shift n _ l mu S) as W. pose proof (balance n mu r l) as B. rewrite E in B. nra.
Qed.

(* ------------------------------------------------------------------ S6 *)
Lemma sinh_sq x : sinh (x / 2) * sinh (x / 2) = (exp x - 1) * (exp x - 1) / (4 * exp x).
Proof.
  unfold sinh. rewrite exp_Ropp. assert (E : exp x = exp (x / 2) * exp (x / 2)) by (rewrite <- exp_plus; f_equal; field).
  rewrite E. pose proof (exp_pos (x / 2)). field. lra.
Qed.
Lemma sinh_nonneg x : 0 <= x -> 0 <= sinh x.
Proof. intros. unfold sinh. pose proof (exp_le (- x) x ltac:(lra)). lra. Qed.

(* nonnegative weights within a factor r of each other are that close to the uniform ones *)
Lemma spread n p m r : (0 < n)%nat -> 1 <= r -> sum n p = 1 -> (forall j, (j < n)%nat -> m <= p j <= r * m) ->
  dot n (P n p) (P n p) <= (r - 1) * (r - 1) / (4 * r) / INR n.
Proof.
  intros Hn Hr Hp H. assert (N : 0 < INR n) by now apply lt_0_INR.
  assert (E : dot n (P n p) (P n p) = sum n (fun j => p j * p j) - / INR n).
  { rewrite dot_PP by auto. unfold dot, P, mean. rewrite Hp.
    rewrite (sum_ext n _ (fun j => 1 * (p j * p j) + - (1 / INR n) * p j)) by (intros; ring). rewrite sum_lin, Hp. field. lra. }
  assert (G : 0 <= sum n (fun j => (r * m - p j) * (p j - m))).
  { apply sum_nonneg. intros j Hj. specialize (H j Hj). apply Rmult_le_pos; lra. }
  rewrite (sum_ext n _ (fun j => 1 * ((r + 1) * m * p j + - 1 * (p j * p j)) + 1 * (- (r * m * m)))) in G by (intros; ring).
  rewrite sum_lin, sum_lin, Hp, sum_const in G. rewrite E. set (q := sum n (fun j => p j * p j)) in *.
  apply Rmult_le_reg_r with (INR n); auto. replace ((r - 1) * (r - 1) / (4 * r) / INR n * INR n)
    with ((r - 1) * (r - 1) / (4 * r)) by (field; lra).
  replace ((q - / INR n) * INR n) with (q * INR n - 1) by (field; lra).
  set (mu := INR n * m). assert (q * INR n <= (r + 1) * mu - r * (mu * mu)) by (unfold mu; nra).
  apply Rmult_le_reg_r with (4 * r); [lra|].
  replace ((r - 1) * (r - 1) / (4 * r) * (4 * r)) with ((r - 1) * (r - 1)) by (field; lra).
  assert (S : (r - 1) * (r - 1) - ((r + 1) * mu - r * (mu * mu) - 1) * (4 * r)
    = (2 * r * mu - (r + 1)) * (2 * r * mu - (r + 1))) by ring.
  pose proof (Rle_0_sqr (2 * r * mu - (r + 1))). unfold Rsqr in *. nra.
Qed.

Theorem sinh_bound n s l c del : (0 < n)%nat -> 0 <= del -> (forall j, (j < n)%nat -> c <= s j <= c + del) ->
  Rabs (dot n (softmax n s) l - mean n l) <= sqrt (var n l) * sinh (del / 2).
Proof.
  intros Hn Hd Hs. assert (N : 0 < INR n) by now apply lt_0_INR. set (p := softmax n s).
  pose proof (softmax_sum n s Hn) as Hp. fold p in Hp. pose proof (var_pos n Hn l) as Hv.
  assert (E : dot n p l - mean n l = dot n (P n p) (P n l)).
  { rewrite (dot_sym n (P n p)), dot_PP, (dot_sym n (P n l)) by auto. unfold dot, P.
    rewrite (sum_ext n (fun i => p i * (l i - mean n l)) (fun i => 1 * (p i * l i) + - mean n l * p i)) by (intros; ring).
    rewrite sum_lin, Hp. ring. }
  rewrite E. apply abs_le_of_sq. { apply Rmult_le_pos; [apply sqrt_pos|apply sinh_nonneg; lra]. }
  eapply Rle_trans; [apply cauchy|]. rewrite (dot_var n Hn l).
  replace (sqrt (var n l) * sinh (del / 2) * (sqrt (var n l) * sinh (del / 2)))
    with (sqrt (var n l) * sqrt (var n l) * (sinh (del / 2) * sinh (del / 2))) by ring.
  rewrite sqrt_sqrt, sinh_sq by auto.
  pose proof (sum_exp_pos n s Hn) as HZ. set (Z := sum n (fun j => exp (s j))) in *.
  assert (1 <= exp del) by (rewrite <- exp_0; now apply exp_le).
  assert (B : dot n (P n p) (P n p) <= (exp del - 1) * (exp del - 1) / (4 * exp del) / INR n).
  { apply (spread n p (exp c / Z) (exp del)); auto. intros j Hj. specialize (Hs j Hj).
    assert (0 < / Z) by now apply Rinv_0_lt_compat.
    unfold p, softmax. fold Z. split.
    - apply Rmult_le_compat_r; [lra|]. apply exp_le; lra.
    - replace (exp del * (exp c / Z)) with (exp (c + del) / Z) by (rewrite exp_plus; field; lra).
      apply Rmult_le_compat_r; [lra|]. apply exp_le; lra. }
  set (K := (exp del - 1) * (exp del - 1) / (4 * exp del)) in *.
  apply Rle_trans with (K / INR n * (INR n * var n l)); [apply Rmult_le_compat_r; [nra|auto]|]. right. field. lra.
Qed.

(* attained: four tokens, one value 1 against 0, scores ln 3 against 0; both sides are 1/4 *)
Theorem sinh_sharp : let s := fun j => if Nat.eq_dec j 0 then ln 3 else 0 in let l := delta 0 in
  dot 4 (softmax 4 s) l - mean 4 l = sqrt (var 4 l) * sinh (ln 3 / 2).
Proof.
  intros s l. assert (E : dot 4 (softmax 4 s) l - mean 4 l = / 4).
  { unfold dot, softmax, mean, l, s, delta. simpl. rewrite exp_0, exp_ln by lra. field. }
  rewrite E. assert (S : 0 <= sinh (ln 3 / 2)).
  { apply sinh_nonneg. pose proof (ln_lt_inv 1 3). enough (0 < ln 3) by lra. rewrite <- ln_1. apply ln_increasing; lra. }
  pose proof (sinh_sq (ln 3)) as Q. rewrite exp_ln in Q by lra.
  assert (V : var 4 l = 3 / 16) by (unfold l; rewrite var_delta by lia; simpl; field).
  rewrite V. assert (S2 : sqrt (3 / 16) * sqrt (3 / 16) = 3 / 16) by (apply sqrt_sqrt; lra).
  pose proof (sqrt_pos (3 / 16)) as S1. assert (0 <= sqrt (3 / 16) * sinh (ln 3 / 2)) by now apply Rmult_le_pos.
  assert ((sqrt (3 / 16) * sinh (ln 3 / 2)) * (sqrt (3 / 16) * sinh (ln 3 / 2)) = / 4 * / 4).
  { replace ((sqrt (3 / 16) * sinh (ln 3 / 2)) * (sqrt (3 / 16) * sinh (ln 3 / 2)))
      with ((sqrt (3 / 16) * sqrt (3 / 16)) * (sinh (ln 3 / 2) * sinh (ln 3 / 2))) by ring. rewrite S2, Q. field. }
  nra.
Qed.
