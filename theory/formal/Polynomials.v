(* Polynomials against a ceiling. P1: Cauchy's failure radius. P2, P3: floor of the error. P4: k+1 points determine degree k. *)
From ICL Require Export Vectors.

Definition poly k (c : vec) x := sum (S k) (fun i => c i * x ^ i).

Lemma poly_front k c x : poly (S k) c x = c O + x * poly k (fun i => c (S i)) x.
Proof.
  unfold poly. rewrite sum_front, <- sum_scal. simpl pow at 1. rewrite Rmult_1_r. f_equal.
  apply sum_ext. intros. simpl. ring.
Qed.
Lemma poly_last k c x : poly (S k) c x = poly k c x + c (S k) * x ^ S k.
Proof. reflexivity. Qed.
Lemma poly_sub k c c' x : poly k c x - poly k c' x = poly k (fun i => c i - c' i) x.
Proof.
  unfold poly. rewrite (sum_ext (S k) (fun i => (c i - c' i) * x ^ i) (fun i => 1 * (c i * x ^ i) + -1 * (c' i * x ^ i))) by (intros; ring).
  rewrite sum_lin. ring.
Qed.

(* ------------------------------------------------------------------ P1 *)
Lemma geometric k u : (u - 1) * sum k (fun i => u ^ i) = u ^ k - 1.
Proof. induction k; simpl; [ring|]. rewrite Rmult_plus_distr_l, IHk. ring. Qed.

Theorem cauchy_radius k c M x : c k <> 0 -> (forall i, (i < k)%nat -> Rabs (c i) <= M) -> 0 <= M ->
  poly k c x = 0 -> Rabs x <= 1 + M / Rabs (c k).
Proof.
  intros Hk HM M0 E. assert (Pk : 0 < Rabs (c k)) by now apply Rabs_pos_lt.
  assert (Q : 0 <= M / Rabs (c k)) by (apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]).
  destruct (Rle_lt_dec (Rabs x) 1) as [L|L]; [lra|]. set (u := Rabs x) in *.
  assert (U : 0 < u ^ k) by (apply pow_lt; lra).
  assert (A : Rabs (c k) * u ^ k <= M * sum k (fun i => u ^ i)).
  { unfold poly in E. simpl in E. replace (Rabs (c k) * u ^ k) with (Rabs (sum k (fun i => c i * x ^ i))).
    - eapply Rle_trans; [apply sum_abs|]. rewrite <- sum_scal. apply sum_le. intros i Hi.
      rewrite Rabs_mult, <- RPow_abs. apply Rmult_le_compat_r; [apply pow_le, Rabs_pos|auto].
    - unfold u. rewrite RPow_abs, <- Rabs_mult, <- Rabs_Ropp. f_equal. lra. }
  apply (Rmult_le_compat_l (u - 1)) in A; [|lra].
  replace ((u - 1) * (M * sum k (fun i => u ^ i))) with (M * (u ^ k - 1)) in A by (rewrite <- geometric; ring).
  assert (B : (u - 1) * Rabs (c k) <= M).
  { apply Rmult_le_reg_r with (u ^ k); auto. nra. }
  apply (Rmult_le_compat_r (/ Rabs (c k))) in B; [|left; now apply Rinv_0_lt_compat].
  rewrite Rmult_assoc, Rinv_r in B by lra. unfold Rdiv. lra.
Qed.

(* a polynomial of degree k >= 1 lies in the band [lo, hi] only within this radius, so beyond it every prediction fails *)
Theorem band_radius k c lo hi M x : (0 < k)%nat -> c k <> 0 -> 0 <= M ->
  (forall i, (0 < i < k)%nat -> Rabs (c i) <= M) -> Rabs (c O - lo) <= M -> Rabs (c O - hi) <= M ->
  lo <= poly k c x <= hi -> Rabs x <= 1 + M / Rabs (c k).
Proof.
  intros Hk Ck M0 HM Hlo Hhi H. set (y := poly k c x) in *.
  set (c' := fun i => c i - if Nat.eq_dec i 0 then y else 0).
  assert (Ek : c' k = c k) by (unfold c'; destruct (Nat.eq_dec k 0); [lia|ring]). rewrite <- Ek in *.
  apply cauchy_radius; auto.
  - intros i Hi. unfold c'. destruct (Nat.eq_dec i 0) as [->|N].
    + apply abs_inv in Hlo, Hhi. apply Rabs_le. lra.
    + rewrite Rminus_0_r. apply HM. lia.
  - assert (E : poly k (fun i => if Nat.eq_dec i 0 then y else 0) x = y).
    { destruct k as [|m]; [lia|]. rewrite poly_front. unfold poly.
      rewrite (sum_ext (S m) _ (fun _ => 0)) by (intros; simpl; ring). rewrite sum_const. simpl. ring. }
    unfold c'. rewrite <- (poly_sub k c (fun i => if Nat.eq_dec i 0 then y else 0)), E. fold y. ring.
Qed.

(* G2: answers of linear growth lose every polynomial of degree two or more *)
Theorem linear_growth_loses k c alpha kappa E : (2 <= k)%nat -> c k <> 0 -> exists X, forall x y, X <= x ->
  Rabs y <= alpha + kappa * x -> E <= Rabs (poly k c x - y).
Proof.
  intros Hk Hc. assert (Pc : 0 < Rabs (c k)) by now apply Rabs_pos_lt. set (M := sum k (fun i => Rabs (c i))).
  set (q := M + Rabs alpha + Rabs kappa + Rabs E). exists (1 + q / Rabs (c k)). intros x y Hx Hy.
  assert (M0 : 0 <= M) by (apply sum_nonneg; intros; apply Rabs_pos).
  assert (Q : 0 <= q) by (unfold q; pose proof (Rabs_pos alpha); pose proof (Rabs_pos kappa); pose proof (Rabs_pos E); lra).
  assert (0 <= q / Rabs (c k)) by (apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]). assert (X1 : 1 <= x) by lra.
  assert (X2 : q <= Rabs (c k) * x).
  { assert (L : q / Rabs (c k) <= x) by lra. apply (Rmult_le_compat_l (Rabs (c k))) in L; [|lra].
    replace (Rabs (c k) * (q / Rabs (c k))) with q in L by (field; lra). lra. }
  assert (Low : Rabs (sum k (fun i => c i * x ^ i)) <= M * x ^ (k - 1)).
  { eapply Rle_trans; [apply sum_abs|]. unfold M. rewrite Rmult_comm, <- sum_scal. apply sum_le. intros i Hi. rewrite Rabs_mult, Rmult_comm.
    apply Rmult_le_compat_r; [apply Rabs_pos|]. rewrite Rabs_right by (apply Rle_ge, pow_le; lra). apply Rle_pow; [lra|lia]. }
  assert (Xk : x <= x ^ (k - 1)) by (rewrite <- (pow_1 x) at 1; apply Rle_pow; [lra|lia]).
  assert (E1 : x ^ k = x * x ^ (k - 1)) by (replace k with (S (k - 1)) at 1 by lia; reflexivity).
  assert (T : Rabs (c k * x ^ k) <= Rabs (poly k c x - y) + Rabs (sum k (fun i => c i * x ^ i)) + Rabs y).
  { replace (c k * x ^ k) with ((poly k c x - y) + - sum k (fun i => c i * x ^ i) + y) at 1 by (unfold poly; simpl; ring).
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_r. eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra. }
  rewrite Rabs_mult, (Rabs_right (x ^ k)) in T by (apply Rle_ge, pow_le; lra). rewrite E1 in T. set (p := x ^ (k - 1)) in *.
  pose proof (Rle_abs alpha). pose proof (Rle_abs kappa). pose proof (Rle_abs E). pose proof (Rabs_pos alpha). pose proof (Rabs_pos kappa). pose proof (Rabs_pos E).
  assert (q * p <= Rabs (c k) * x * p) by (apply Rmult_le_compat_r; lra).
  assert (Rabs y <= (Rabs alpha + Rabs kappa) * p).
  { eapply Rle_trans; [exact Hy|]. apply Rle_trans with ((Rabs alpha + Rabs kappa) * x); [nra|apply Rmult_le_compat_l; lra]. }
  assert (Rabs E <= Rabs E * p) by (rewrite <- (Rmult_1_r (Rabs E)) at 1; apply Rmult_le_compat_l; lra). unfold q in *. nra.
Qed.

(* ------------------------------------------------------------------ P2 *)
(* outside the band the squared error is at least the squared distance *)
Theorem band_floor y c R0 p : Rabs (y - c) <= R0 -> R0 <= Rabs (p - c) ->
  (Rabs (p - c) - R0) * (Rabs (p - c) - R0) <= (y - p) * (y - p).
Proof.
  intros Hy Hp. assert (T : Rabs (p - c) - R0 <= Rabs (y - p)).
  { replace (p - c) with (- (y - p) + (y - c)) by ring. pose proof (Rabs_triang (- (y - p)) (y - c)). rewrite Rabs_Ropp in *. lra. }
  pose proof (Rabs_pos (y - p)). assert (E : (y - p) * (y - p) = Rabs (y - p) * Rabs (y - p)).
  { rewrite <- Rabs_mult. symmetry. apply Rabs_right, Rle_ge. apply (Rle_0_sqr (y - p)). }
  rewrite E. apply Rmult_le_compat; lra.
Qed.

(* ------------------------------------------------------------------ P3, without its integrals: n prompts with targets p i *)
Definition excess lo hi p := Rmax 0 (Rmax (p - hi) (lo - p)).               (* the distance to the band *)
Theorem excess_split lo hi p : lo <= hi -> excess lo hi p * excess lo hi p
  = Rmax 0 (p - hi) * Rmax 0 (p - hi) + Rmax 0 (lo - p) * Rmax 0 (lo - p).
Proof. intros H. unfold excess, Rmax. repeat (destruct Rle_dec); nra. Qed.
Lemma excess_floor lo hi y p : lo <= y <= hi -> excess lo hi p * excess lo hi p <= (y - p) * (y - p).
Proof.
  intros H. unfold excess. assert (B : 0 <= Rmax 0 (Rmax (p - hi) (lo - p)) <= Rabs (y - p)).
  { split; [apply Rmax_l|]. apply Rmax_lub; [apply Rabs_pos|]. apply Rmax_lub.
    - rewrite Rabs_minus_sym. pose proof (Rle_abs (p - y)). lra.
    - pose proof (Rle_abs (y - p)). lra. }
  replace ((y - p) * (y - p)) with (Rabs (y - p) * Rabs (y - p)) by (rewrite <- Rabs_mult; apply Rabs_right, Rle_ge, (Rle_0_sqr (y - p))).
  apply Rmult_le_compat; lra.
Qed.
(* no answers inside the band have a smaller sum of squared errors *)
Theorem error_floor n lo hi (y p : vec) : (forall i, (i < n)%nat -> lo <= y i <= hi) ->
  sum n (fun i => excess lo hi (p i) * excess lo hi (p i)) <= sum n (fun i => (y i - p i) * (y i - p i)).
Proof. intros H. apply sum_le. intros i Hi. now apply excess_floor, H. Qed.
(* and that floor is attained: clip the target *)
Theorem clipped_attains lo hi p : lo <= hi -> let y := Rmax lo (Rmin hi p) in lo <= y <= hi /\ (y - p) * (y - p) = excess lo hi p * excess lo hi p.
Proof. intros H y. unfold y, excess, Rmax, Rmin. repeat (destruct Rle_dec); split; nra. Qed.
(* what the band saves at most *)
Lemma band_saves lo hi B p : lo <= hi -> Rabs lo <= B -> Rabs hi <= B -> p * p - excess lo hi p * excess lo hi p <= 2 * B * Rabs p.
Proof.
  intros H Hl Hh. apply abs_inv in Hl, Hh. unfold excess, Rmax. pose proof (Rabs_pos p).
  destruct (Rle_dec 0 p) as [P|P]; [rewrite (Rabs_right p) in * by lra|rewrite (Rabs_left p) in * by lra]; repeat (destruct Rle_dec); nra.
Qed.
(* so floor and error meet the zero model's error as the targets grow *)
Theorem floor_ratio n lo hi B (p : vec) : lo <= hi -> Rabs lo <= B -> Rabs hi <= B ->
  dot n p p - 2 * B * sum n (fun i => Rabs (p i)) <= sum n (fun i => excess lo hi (p i) * excess lo hi (p i)).
Proof.
  intros H Hl Hh. rewrite <- sum_scal. unfold dot. replace (sum n (fun i => p i * p i) - sum n (fun i => 2 * B * Rabs (p i)))
    with (1 * sum n (fun i => p i * p i) + -1 * sum n (fun i => 2 * B * Rabs (p i))) by ring.
  rewrite <- sum_lin. apply sum_le. intros i _. pose proof (band_saves lo hi B (p i) H Hl Hh). lra.
Qed.
Theorem error_ratio n B (y p : vec) : (forall i, (i < n)%nat -> Rabs (y i) <= B) -> 0 <= B ->
  norm n (fun i => y i - p i) <= norm n p + sqrt (INR n) * B.
Proof.
  intros H HB. rewrite (norm_ext n (fun i => y i - p i) (add y (scal (-1) p))) by (intros; unfold add, scal; ring).
  eapply Rle_trans; [apply norm_add|]. rewrite norm_scal, Rabs_left, Rplus_comm by lra. apply Rplus_le_compat; [lra|].
  apply sq_le; [apply Rmult_le_pos; [apply sqrt_pos|auto]|]. rewrite norm_sq.
  replace (sqrt (INR n) * B * (sqrt (INR n) * B)) with (sqrt (INR n) * sqrt (INR n) * (B * B)) by ring. rewrite sqrt_sqrt by apply pos_INR.
  unfold dot. rewrite <- sum_const. apply sum_le. intros i Hi. specialize (H i Hi). apply abs_inv in H. nra.
Qed.

(* ------------------------------------------------------------------ P4 *)
Lemma division k c r : exists q, q k = c (S k) /\ forall x, poly (S k) c x = poly (S k) c r + (x - r) * poly k q x.
Proof.
  revert c. induction k; intros c.
  - exists (fun _ => c 1%nat). split; auto. intros. unfold poly. simpl. ring.
  - destruct (IHk (fun i => c (S i))) as [q [Q1 Q2]].
    exists (fun i => match i with O => poly (S k) (fun i => c (S i)) r | S j => q j end). split; auto.
    intros x. set (A := poly (S k) (fun i => c (S i)) r). rewrite (poly_front (S k) c x), (poly_front (S k) c r), (Q2 x).
    rewrite (poly_front k (fun i => match i with O => A | S j => q j end)). fold A.
    change (fun i => q i) with q. ring.
Qed.

Definition distinct n (xs : nat -> R) := forall i j, (i < j < n)%nat -> xs i <> xs j.

Theorem only_zero k c xs : distinct (S k) xs -> (forall i, (i <= k)%nat -> poly k c (xs i) = 0) ->
  forall i, (i <= k)%nat -> c i = 0.
Proof.
  revert c. induction k; intros c Hd H i Hi.
  - assert (i = O) by lia. subst. specialize (H O Hi). unfold poly in H. simpl in H. lra.
  - assert (Dk : distinct (S k) xs) by (intros a b Hab; apply Hd; lia).
    destruct (division k c (xs (S k))) as [q [Q1 Q2]]. rewrite (H (S k)) in Q2 by lia.
    assert (Z : forall i, (i <= k)%nat -> q i = 0).
    { apply IHk; auto. intros j Hj. specialize (Q2 (xs j)). rewrite H in Q2 by lia.
      assert (xs j <> xs (S k)) by (apply Hd; lia).
      destruct (Rmult_integral (xs j - xs (S k)) (poly k q (xs j))) as [E|E]; lra. }
    assert (Ck : c (S k) = 0) by (rewrite <- Q1; apply Z; lia).
    destruct (Nat.eq_dec i (S k)) as [->|N]; auto. apply IHk; auto; [|lia].
    intros j Hj. specialize (H j ltac:(lia)). rewrite poly_last, Ck in H. lra.
Qed.
(* k+1 distinct noiseless points fix the coefficients, hence the value at every query, at every scale *)
Theorem points_determine k c c' xs : distinct (S k) xs ->
  (forall i, (i <= k)%nat -> poly k c (xs i) = poly k c' (xs i)) -> forall i, (i <= k)%nat -> c i = c' i.
Proof.
  intros Hd H i Hi. enough (c i - c' i = 0) by lra. apply (only_zero k (fun i => c i - c' i) xs Hd); auto.
  intros j Hj. rewrite <- poly_sub, H by auto. ring.
Qed.
Theorem points_predict k c c' xs x : distinct (S k) xs ->
  (forall i, (i <= k)%nat -> poly k c (xs i) = poly k c' (xs i)) -> poly k c x = poly k c' x.
Proof. intros Hd H. apply sum_ext. intros i Hi. rewrite (points_determine k c c' xs); auto. lia. Qed.
(* k points are not enough: a polynomial of degree k vanishes on them, and any multiple of it can be added *)
Theorem fewer_do_not k xs : exists c, c k = 1 /\ forall i, (i < k)%nat -> poly k c (xs i) = 0.
Proof.
  induction k.
  - exists (fun _ => 1). split; auto. intros; lia.
  - destruct IHk as [c [C1 C2]].
    exists (fun i => (match i with O => 0 | S j => c j end) - xs k * (if (i <=? k)%nat then c i else 0)). split.
    + destruct (Nat.leb_spec (S k) k); [lia|]. rewrite C1. ring.
    + intros i Hi.
      assert (E : forall x, poly (S k) (fun i => (match i with O => 0 | S j => c j end) - xs k * (if (i <=? k)%nat then c i else 0)) x
        = (x - xs k) * poly k c x).
      { intros x. rewrite <- (poly_sub (S k) (fun i => match i with O => 0 | S j => c j end) (fun i => xs k * (if (i <=? k)%nat then c i else 0))).
        rewrite (poly_front k (fun i => match i with O => 0 | S j => c j end)), poly_last.
        destruct (Nat.leb_spec (S k) k); [lia|].
        replace (poly k (fun i => xs k * (if (i <=? k)%nat then c i else 0)) x) with (xs k * poly k c x); [change (fun i => c i) with c; ring|].
        unfold poly. rewrite <- sum_scal. apply sum_ext. intros j Hj. destruct (Nat.leb_spec j k); [ring|lia]. }
      rewrite E. destruct (Nat.eq_dec i k) as [->|N]; [ring|]. rewrite C2 by lia. ring.
Qed.
