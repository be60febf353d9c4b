(* P4: how far small values carry. A polynomial of degree k with |p| <= 1 on [-1, 1], or only at the k + 1 points cos(i pi/k), satisfies
   |p(x)| <= T_k(|x|) for |x| >= 1, and T_k, Chebyshev's polynomial, attains it everywhere. *)
From ICL Require Export FailureRadius.

Fixpoint cheb k x := match k with O => 1 | S m => match m with O => x | S l => 2 * x * cheb m x - cheb l x end end.
Lemma cheb_step k x : cheb (S (S k)) x = 2 * x * cheb (S k) x - cheb k x.
Proof. reflexivity. Qed.
(* what holds for k and k + 1 holds for all *)
Lemma two_steps (P : nat -> Prop) : P O -> P 1%nat -> (forall k, P k -> P (S k) -> P (S (S k))) -> forall k, P k.
Proof. intros H0 H1 H k. enough (P k /\ P (S k)) by tauto. induction k; [auto|]. destruct IHk. auto. Qed.

Theorem cheb_cos t : forall k, cheb k (cos t) = cos (INR k * t).
Proof.
  apply two_steps; [simpl; now rewrite Rmult_0_l, cos_0|simpl; now rewrite Rmult_1_l|].
  intros k E0 E1. rewrite cheb_step, E0, E1. replace (INR k * t) with (INR (S k) * t - t) by (rewrite S_INR; ring).
  replace (INR (S (S k)) * t) with (INR (S k) * t + t) by (rewrite (S_INR (S k)); ring). rewrite cos_plus, cos_minus. ring.
Qed.
(* its size outside: cosh(k arcosh x) *)
Theorem cheb_cosh t : forall k, cheb k (cosh t) = cosh (INR k * t).
Proof.
  apply two_steps; [simpl; now rewrite Rmult_0_l, cosh_0|simpl; now rewrite Rmult_1_l|].
  intros k E0 E1. rewrite cheb_step, E0, E1. unfold cosh. rewrite !S_INR.
  replace ((INR k + 1 + 1) * t) with (INR k * t + t + t) by ring. replace ((INR k + 1) * t) with (INR k * t + t) by ring.
  rewrite !Ropp_plus_distr, !exp_plus, !exp_Ropp. pose proof (exp_pos t). pose proof (exp_pos (INR k * t)). field. lra.
Qed.
Lemma cheb_grows x : 1 <= x -> forall k, 1 <= cheb k x <= cheb (S k) x.
Proof. intros Hx k. induction k; [simpl; lra|]. rewrite cheb_step. nra. Qed.
Lemma cheb_opp x : forall k, cheb k (- x) = (-1) ^ k * cheb k x.
Proof. apply two_steps; [simpl; ring|simpl; ring|]. intros k E0 E1. rewrite !cheb_step, E0, E1. simpl. ring. Qed.
Lemma cheb_abs k x : 1 <= Rabs x -> Rabs (cheb k x) = cheb k (Rabs x).
Proof.
  intros Hx. pose proof (cheb_grows (Rabs x) Hx k) as [G _]. destruct (Rle_dec 0 x) as [H|H].
  - rewrite (Rabs_right x) in * by lra. apply Rabs_right. lra.
  - rewrite (Rabs_left x) in * by lra. rewrite <- (Ropp_involutive x) at 1. rewrite cheb_opp, Rabs_mult, pow_1_abs, Rmult_1_l.
    apply Rabs_right. lra.
Qed.
Lemma cheb_bounded k u : -1 <= u <= 1 -> Rabs (cheb k u) <= 1.
Proof. intros H. rewrite <- (cos_acos u H), cheb_cos. apply Rabs_le. pose proof (COS_bound (INR k * acos u)). lra. Qed.

(* T_k is a polynomial of degree k *)
Lemma poly_pad k c c' x : (forall i, (i <= k)%nat -> c' i = c i) -> c' (S k) = 0 -> poly (S k) c' x = poly k c x.
Proof. intros H Z. rewrite poly_last, Z, Rmult_0_l, Rplus_0_r. apply sum_ext. intros i Hi. rewrite H; auto. lia. Qed.
Lemma cheb_poly : forall k, exists c, forall x, cheb k x = poly k c x.
Proof.
  apply two_steps.
  - exists (fun _ => 1). intros. unfold poly. simpl. ring.
  - exists (fun i => INR i). intros. unfold poly. simpl. ring.
  - intros k [c0 H0] [c1 H1]. set (low := fun i => if (i <=? k)%nat then c0 i else 0).
    set (up := fun i => match i with O => 0 | S j => 2 * c1 j end). exists (fun i => up i - low i). intros x.
    assert (L : poly (S (S k)) low x = cheb k x).
    { rewrite H0, (poly_pad (S k) low), (poly_pad k c0); auto; unfold low.
      - intros i Hi. now rewrite (proj2 (Nat.leb_le i k) Hi).
      - now rewrite (proj2 (Nat.leb_gt (S k) k)) by lia.
      - now rewrite (proj2 (Nat.leb_gt (S (S k)) k)) by lia. }
    rewrite <- poly_sub, L, poly_front. simpl up. rewrite cheb_step, H1. unfold poly at 2.
    rewrite (sum_ext (S (S k)) _ (fun i => 2 * (c1 i * x ^ i))) by (intros; ring). rewrite sum_scal. fold (poly (S k) c1 x). ring.
Qed.

(* ------------------------------------------------------------------ the nodes, where T_k is 1 and -1 in turn *)
Definition node k i := cos (INR i * PI / INR k).
Lemma cheb_node k i : (0 < k)%nat -> cheb k (node k i) = (-1) ^ i.
Proof.
  intros Hk. apply lt_0_INR in Hk. unfold node. rewrite cheb_cos. replace (INR k * (INR i * PI / INR k)) with (INR i * PI) by (field; lra).
  induction i; [simpl; now rewrite Rmult_0_l, cos_0|]. rewrite S_INR, Rmult_plus_distr_r, Rmult_1_l, neg_cos, IHi. simpl. ring.
Qed.
Lemma node_decreases k i j : (i < j <= k)%nat -> node k j < node k i.
Proof.
  intros H. assert (Pk : 0 < INR k) by (apply lt_0_INR; lia). pose proof PI_RGT_0. pose proof (pos_INR i).
  assert (Hi : INR i < INR j) by (apply lt_INR; lia). assert (Hj : INR j <= INR k) by (apply le_INR; lia).
  pose proof (Rinv_0_lt_compat _ Pk) as Q. assert (E : PI = INR k * PI * / INR k) by (field; lra).
  unfold node, Rdiv. pose proof (pos_INR j) as J0.
  assert (A : forall l, 0 <= l <= INR k -> 0 <= l * PI * / INR k <= PI).
  { intros l Hl. split; [apply Rmult_le_pos; [nra|lra]|]. rewrite E at 2. apply Rmult_le_compat_r; nra. }
  apply cos_decreasing_1; try (apply A; lra). apply Rmult_lt_compat_r; auto.
Qed.

(* a continuous function that changes its sign from node to node has a zero between any two *)
Lemma zeros k f (nd : nat -> R) : continuity f -> (forall i j, (i < j <= k)%nat -> nd j < nd i) ->
  (forall i, (i <= k)%nat -> 0 < (-1) ^ i * f (nd i)) ->
  exists xs : nat -> R, forall i, (i < k)%nat -> nd (S i) < xs i < nd i /\ f (xs i) = 0.
Proof.
  intros Hf Hn Hs. assert (G : forall i, exists z, (i < k)%nat -> nd (S i) < z < nd i /\ f z = 0).
  { intros i. destruct (le_lt_dec k i) as [L|L]; [exists 0; lia|].
    specialize (Hn i (S i) ltac:(lia)). pose proof (Hs i ltac:(lia)) as Si. pose proof (Hs (S i) ltac:(lia)) as Sj. simpl in Sj.
    assert (P : 0 < (-1) ^ i * (-1) ^ i) by (rewrite <- Rpow_mult_distr; replace (-1 * -1) with 1 by ring; rewrite pow1; lra).
    assert (Pr : f (nd (S i)) * f (nd i) < 0).
    { apply Rmult_lt_reg_l with ((-1) ^ i * (-1) ^ i); auto. rewrite Rmult_0_r.
      replace ((-1) ^ i * (-1) ^ i * (f (nd (S i)) * f (nd i))) with (- ((-1 * (-1) ^ i * f (nd (S i))) * ((-1) ^ i * f (nd i)))) by ring. nra. }
    destruct (IVT_cor f (nd (S i)) (nd i) Hf ltac:(lra) ltac:(lra)) as [z [Z1 Z2]]. exists z. intros _. split; auto.
    assert (f (nd i) <> 0) by (intros E; rewrite E in Pr; lra). assert (f (nd (S i)) <> 0) by (intros E; rewrite E in Pr; lra).
    split; apply Rnot_le_lt; intros C; [assert (z = nd (S i)) by lra|assert (z = nd i) by lra]; congruence. }
  clear Hn Hs. induction k.
  - exists (fun _ => 0). intros. lia.
  - destruct IHk as [xs Hx]; [intros i; destruct (G i) as [z Hz]; exists z; intros; apply Hz; lia|].
    destruct (G k) as [z Hz]. exists (fun i => if Nat.eq_dec i k then z else xs i). intros i Hi.
    destruct (Nat.eq_dec i k) as [->|N]; [apply Hz; lia|apply Hx; lia].
Qed.

(* ------------------------------------------------------------------ the bound *)
Theorem chebyshev_nodes k c x : (0 < k)%nat -> (forall i, (i <= k)%nat -> Rabs (poly k c (node k i)) <= 1) -> 1 <= Rabs x ->
  Rabs (poly k c x) <= cheb k (Rabs x).
Proof.
  intros Hk Hc Hx. apply Rnot_lt_le. intros Big. pose proof (cheb_grows (Rabs x) Hx k) as [T1 _].
  set (p := poly k c x) in *. assert (Np : p <> 0) by (intros E; rewrite E, Rabs_R0 in Big; lra).
  set (l := cheb k x / p). assert (L : Rabs l < 1).
  { unfold l, Rdiv. rewrite Rabs_mult, Rabs_inv, cheb_abs by auto. apply Rmult_lt_reg_r with (Rabs p); [lra|].
    rewrite Rmult_assoc, Rinv_l; lra. }
  destruct (cheb_poly k) as [t Ht]. set (q := fun i => t i - l * c i).
  assert (Q : forall u, poly k q u = cheb k u - l * poly k c u).
  { intros u. unfold q. rewrite <- (poly_sub k t (fun i => l * c i)), Ht. f_equal. unfold poly. rewrite <- sum_scal. apply sum_ext. intros. ring. }
  assert (S0 : forall i, (i <= k)%nat -> 0 < (-1) ^ i * poly k q (node k i)).
  { intros i Hi. rewrite Q, (cheb_node k i Hk). specialize (Hc i Hi). set (v := poly k c (node k i)) in *.
    replace ((-1) ^ i * ((-1) ^ i - l * v)) with ((-1 * -1) ^ i - (-1) ^ i * (l * v)) by (rewrite Rpow_mult_distr; ring).
    replace (-1 * -1) with 1 by ring. rewrite pow1. enough (Rabs ((-1) ^ i * (l * v)) < 1) by (pose proof (Rle_abs ((-1) ^ i * (l * v))); lra).
    rewrite !Rabs_mult, pow_1_abs, Rmult_1_l. pose proof (Rabs_pos l). pose proof (Rabs_pos v). nra. }
  destruct (zeros k (poly k q) (node k) (poly_continuous k q) (node_decreases k) S0) as [xs Hxs].
  assert (In : forall i, (i < k)%nat -> -1 < xs i < 1).
  { intros i Hi. destruct (Hxs i Hi) as [[A B] _]. pose proof (COS_bound (INR (S i) * PI / INR k)). pose proof (COS_bound (INR i * PI / INR k)).
    unfold node in *. lra. }
  (* k zeros inside and x itself: one too many *)
  set (pts := fun i => if Nat.eq_dec i k then x else xs i).
  assert (Z : forall i, (i <= k)%nat -> q i = 0).
  { apply (only_zero k q pts).
    - intros i j [Hij Hj]. unfold pts. destruct (Nat.eq_dec i k); [lia|]. destruct (Nat.eq_dec j k) as [->|N].
      + specialize (In i Hij). intros E. rewrite <- E in Hx. assert (Rabs (xs i) < 1) by (apply Rabs_def1; lra). lra.
      + destruct (Hxs i ltac:(lia)) as [[A _] _]. destruct (Hxs j ltac:(lia)) as [[_ B] _].
        assert (node k j <= node k (S i)); [|lra]. destruct (Nat.eq_dec j (S i)) as [->|M]; [lra|]. left. apply node_decreases. lia.
    - intros i Hi. unfold pts. destruct (Nat.eq_dec i k); [|apply Hxs; lia]. rewrite Q. fold p. unfold l. field. auto. }
  specialize (S0 O ltac:(lia)). unfold poly in S0. rewrite (sum_ext (S k) _ (fun _ => 0)) in S0 by (intros; rewrite Z by lia; ring).
  rewrite sum_const in S0. lra.
Qed.

Theorem chebyshev_bound k c x : (forall u, -1 <= u <= 1 -> Rabs (poly k c u) <= 1) -> 1 <= Rabs x ->
  Rabs (poly k c x) <= cheb k (Rabs x).
Proof.
  intros H Hx. destruct k.
  - specialize (H 0 ltac:(lra)). unfold poly in *. simpl in *. now rewrite Rmult_1_r in *.
  - apply chebyshev_nodes; auto; [lia|]. intros i _. apply H, COS_bound.
Qed.
Theorem chebyshev_attained k : exists c, (forall u, -1 <= u <= 1 -> Rabs (poly k c u) <= 1) /\
  forall x, 1 <= Rabs x -> Rabs (poly k c x) = cheb k (Rabs x).
Proof.
  destruct (cheb_poly k) as [c H]. exists c. split; intros x Hx; rewrite <- H; [now apply cheb_bounded|now apply cheb_abs].
Qed.
