(* N2 and N3 in their sharp form: far predictions lie in the cap of L4 (c), and no two contexts are answered further apart than
   2 R X~/x, for two functions, on average over many, and as the price of range (N8). *)
From ICL Require Export Cone Polynomials FarQuery.
Require Import List.

(* ------------------------------------------------------------------ a finite set of answers *)
Lemma centre_of n (y : nat -> R) H : (forall i j, (i < n)%nat -> (j < n)%nat -> Rabs (y i - y j) <= 2 * H) ->
  exists m, forall i, (i < n)%nat -> Rabs (y i - m) <= H.
Proof.
  intros Hy. destruct n as [|n]; [exists 0; intros; lia|].
  assert (M : forall k (f : nat -> R), exists j, (j <= k)%nat /\ forall i, (i <= k)%nat -> f i <= f j).
  { induction k as [|k IH]; intros f; [exists O; split; auto; intros i Hi; replace i with O by lia; lra|].
    destruct (IH f) as [j [J1 J2]]. destruct (Rle_dec (f j) (f (S k))) as [L|L].
    - exists (S k). split; auto. intros i Hi. destruct (Nat.eq_dec i (S k)) as [->|]; [lra|]. specialize (J2 i ltac:(lia)). lra.
    - exists j. split; [lia|]. intros i Hi. destruct (Nat.eq_dec i (S k)) as [->|]; [lra|]. apply J2. lia. }
  destruct (M n y) as [a [A1 A2]]. destruct (M n (fun i => - y i)) as [b [B1 B2]].
  exists ((y a + y b) / 2). intros i Hi. specialize (A2 i ltac:(lia)). specialize (B2 i ltac:(lia)).
  specialize (Hy a b ltac:(lia) ltac:(lia)). apply abs_inv in Hy. apply Rabs_le. lra.
Qed.
(* N3 (iii): answers within 2 H of each other miss a population of values by at least its standard deviation less H *)
Theorem average_error n (y f : nat -> R) H : (0 < n)%nat -> 0 <= H ->
  (forall i j, (i < n)%nat -> (j < n)%nat -> Rabs (y i - y j) <= 2 * H) ->
  sqrt (var n f) - H <= sqrt (dot n (fun i => y i - f i) (fun i => y i - f i) / INR n).
Proof.
  intros Hn H0 Hy. destruct (centre_of n y H Hy) as [m Hm]. pose proof (lt_0_INR n Hn) as N. pose proof (sqrt_lt_R0 _ N) as Ns.
  rewrite sqrt_div_alt by auto. fold (norm n (fun i => y i - f i)).
  apply Rmult_le_reg_l with (sqrt (INR n)); auto. rewrite Rmult_minus_distr_l, <- var_norm by auto.
  replace (sqrt (INR n) * (norm n (fun i => y i - f i) / sqrt (INR n))) with (norm n (fun i => y i - f i)) by (field; lra).
  assert (A : norm n (fun i => y i - m) <= sqrt (INR n) * H).
  { apply sq_le; [nra|]. rewrite norm_sq. replace (sqrt (INR n) * H * (sqrt (INR n) * H)) with ((sqrt (INR n) * sqrt (INR n)) * (H * H)) by ring.
    rewrite sqrt_sqrt by lra. unfold dot. rewrite <- sum_const. apply sum_le. intros i Hi. specialize (Hm i Hi). apply abs_inv in Hm. nra. }
  assert (B : norm n (P n f) <= norm n (fun i => f i - m)).
  { rewrite (norm_ext n (P n f) (P n (fun i => 1 * f i + - m * 1))).
    - eapply Rle_trans; [now apply norm_P_le|]. right. apply norm_ext. intros. ring.
    - intros i _. rewrite (P_lin n Hn 1 (- m) f (fun _ => 1)). unfold P at 3. rewrite (mean_const n Hn 1). ring. }
  assert (C : norm n (fun i => f i - m) <= norm n (fun i => y i - m) + norm n (fun i => y i - f i)).
  { rewrite (norm_ext n _ (add (fun i => y i - m) (scal (-1) (fun i => y i - f i)))) by (intros; unfold add, scal; ring).
    eapply Rle_trans; [apply norm_add|]. rewrite norm_scal, Rabs_left by lra. lra. }
  lra.
Qed.

Section Blindness.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Variable eps : R.
Hypothesis eps_pos : 0 <= eps.
Variables (w_in b_in : vec) (pos : nat -> vec) (net : list block) (Ks : list R) (w g b : vec) (b0 Rp : R).
Hypothesis blocks : Forall2 (bounded d eps) net Ks.
Hypothesis pos_bound : forall T, norm d (P d (add b_in (pos T))) <= Rp.
Hypothesis w_in_pos : 0 < norm d (P d w_in).
Let y x c := transformer d eps w_in b_in pos net w g b b0 x c.
Let Rt := Rtot Ks Rp.
Let Rc := ceil d w g.

Definition far_radius := radius d eps Rt / norm d (P d w_in).                  (* X~ *)
Lemma beyond x : far_radius < x -> radius d eps Rt < x * norm d (P d w_in).
Proof.
  intros H. apply (Rmult_lt_compat_r (norm d (P d w_in))) in H; auto. unfold far_radius, Rdiv in H.
  rewrite Rmult_assoc, Rinv_l in H; lra.
Qed.
Lemma far_radius_pos : 0 <= far_radius.
Proof. apply Rmult_le_pos; [apply sqrt_pos|left; now apply Rinv_0_lt_compat]. Qed.
Lemma sine_far x : 0 < x -> sine d eps w_in Rt x = far_radius / x.
Proof. intros. unfold sine, far_radius. field. lra. Qed.
Let resid_at x c : norm d (P d (resid d eps w_in b_in pos net x c)) <= Rt := resid_bound d d_pos eps w_in b_in pos net Ks Rp blocks pos_bound x c.

(* N2: the cap *)
Theorem transformer_cap x c : far_radius < x -> 0 < norm d (P d (mul g w)) -> let th := acos (cosine d eps w_in Rt x) in
  Rc * cos (Rmin PI (angle d w g w_in + th)) <= y x c - centre d w b b0 <= Rc * cos (Rmax 0 (angle d w g w_in - th)).
Proof.
  intros Hx Ha th. pose proof far_radius_pos. unfold y. rewrite transformer_model by auto.
  apply (readout_cap d d_pos eps w g b b0 w_in); auto; [lra|now apply beyond].
Qed.
(* N3 (i) *)
Theorem context_spread x c c' : far_radius < x -> Rabs (y x c - y x c') <= 2 * Rc * (far_radius / x).
Proof.
  intros Hx. pose proof far_radius_pos. unfold y. rewrite !transformer_model, <- sine_far by (auto; lra).
  apply (readout_spread d d_pos eps w g b b0 w_in); auto; [lra|now apply beyond].
Qed.
Theorem context_spread_cap x c c' : far_radius < x -> 0 < norm d (P d (mul g w)) ->
  let th := acos (cosine d eps w_in Rt x) in th <= angle d w g w_in <= PI - th ->
  Rabs (y x c - y x c') <= 2 * Rc * sin (angle d w g w_in) * (far_radius / x).
Proof.
  intros Hx Ha th Hth. pose proof far_radius_pos.
  pose proof (transformer_cap x c Hx Ha) as A. pose proof (transformer_cap x c' Hx Ha) as B. fold th in A, B. cbv zeta in A, B.
  rewrite Rmin_right, Rmax_right in A, B by lra. pose proof (cap_length (angle d w g w_in) th) as L.
  unfold th in L. rewrite theta_sine, sine_far in L by (auto; try lra; now apply beyond). fold th in L.
  replace (2 * Rc * sin (angle d w g w_in) * (far_radius / x))
    with (Rc * cos (angle d w g w_in - th) - Rc * cos (angle d w g w_in + th)) by (rewrite <- Rmult_minus_distr_l, L; ring).
  apply Rabs_le. lra.
Qed.
(* N3 (ii) *)
Theorem two_functions_far x c c' F F' : far_radius < x ->
  Rabs (F - F') / 2 - Rc * (far_radius / x) <= Rmax (Rabs (y x c - F)) (Rabs (y x c' - F')).
Proof.
  intros Hx. pose proof (context_spread x c c' Hx) as S. apply abs_inv in S.
  pose proof (Rmax_l (Rabs (y x c - F)) (Rabs (y x c' - F'))) as A. pose proof (Rmax_r (Rabs (y x c - F)) (Rabs (y x c' - F'))) as B.
  apply abs_inv in A, B. set (M := Rmax _ _) in *. enough (Rabs (F - F') <= 2 * M + 2 * Rc * (far_radius / x)) by lra. apply Rabs_le. lra.
Qed.
(* N3 (iii): n functions with values F i, each presented by its own context *)
Theorem average_error_far x n (cs : nat -> ctx) (F : nat -> R) : far_radius < x -> (0 < n)%nat ->
  sqrt (var n F) - Rc * (far_radius / x) <= sqrt (dot n (fun i => y x (cs i) - F i) (fun i => y x (cs i) - F i) / INR n).
Proof.
  intros Hx Hn. pose proof far_radius_pos. apply (average_error n (fun i => y x (cs i)) F); auto.
  - apply Rmult_le_pos; [apply Rmult_le_pos; [apply sqrt_pos|apply norm_pos]|].
    apply Rmult_le_pos; [auto|left; apply Rinv_0_lt_compat; lra].
  - intros i j _ _. rewrite <- Rmult_assoc. now apply context_spread.
Qed.

(* ------------------------------------------------------------------ N8 *)
Lemma two_functions_ceiling x c c' F F' : Rabs (F - F') / 2 - Rc <= Rmax (Rabs (y x c - F)) (Rabs (y x c' - F')).
Proof.
  pose proof (ceiling d d_pos eps w g b b0 (run d eps net (embed w_in b_in pos (token x c)) (fst c)) eps_pos) as A.
  pose proof (ceiling d d_pos eps w g b b0 (run d eps net (embed w_in b_in pos (token x c')) (fst c')) eps_pos) as B.
  change (readout d eps w g b b0 (run d eps net (embed w_in b_in pos (token x c)) (fst c))) with (y x c) in A.
  change (readout d eps w g b b0 (run d eps net (embed w_in b_in pos (token x c')) (fst c'))) with (y x c') in B.
  fold Rc in A, B. apply abs_inv in A, B.
  pose proof (Rmax_l (Rabs (y x c - F)) (Rabs (y x c' - F'))) as U. pose proof (Rmax_r (Rabs (y x c - F)) (Rabs (y x c' - F'))) as V.
  apply abs_inv in U, V. set (M := Rmax _ _) in *. enough (Rabs (F - F') <= 2 * M + 2 * Rc) by lra. apply Rabs_le. lra.
Qed.
(* two functions answered within err at x: the ceiling, and the ceiling times the blindness radius, must pay for their distance *)
Theorem price_of_range x c c' F F' err : 0 < x -> Rabs (y x c - F) <= err -> Rabs (y x c' - F') <= err ->
  Rabs (F - F') / 2 - err <= Rc /\ x * (Rabs (F - F') / 2 - err) <= Rc * far_radius.
Proof.
  intros Hx H1 H2. pose proof (two_functions_ceiling x c c' F F') as C. pose proof far_radius_pos as X0.
  assert (M : Rmax (Rabs (y x c - F)) (Rabs (y x c' - F')) <= err) by now apply Rmax_lub.
  assert (C0 : 0 <= Rc) by (apply Rmult_le_pos; [apply sqrt_pos|apply norm_pos]).
  split; [lra|]. destruct (Rle_lt_dec x far_radius) as [L|L].
  - apply Rle_trans with (x * Rc); [apply Rmult_le_compat_l; lra|nra].
  - pose proof (two_functions_far x c c' F F' L) as T. replace (Rc * far_radius) with (x * (Rc * (far_radius / x))) by (field; lra).
    apply Rmult_le_compat_l; lra.
Qed.
(* polynomials of degree k with coefficients in [-A, A] *)
Theorem price_of_degree x c c' k A err : 0 < x -> 0 <= A ->
  Rabs (y x c - Polynomials.poly k (fun _ => A) x) <= err -> Rabs (y x c' - Polynomials.poly k (fun _ => - A) x) <= err ->
  x * (A * sum (S k) (fun i => x ^ i) - err) <= Rc * far_radius.
Proof.
  intros Hx HA H1 H2. destruct (price_of_range x c c' _ _ err Hx H1 H2) as [_ H]. eapply Rle_trans; [|exact H].
  apply Rmult_le_compat_l; [lra|]. apply Rplus_le_compat_r. unfold Polynomials.poly. rewrite !sum_scal.
  set (s := sum (S k) (fun i => x ^ i)). replace (A * s - - A * s) with (2 * (A * s)) by ring.
  pose proof (Rle_abs (2 * (A * s))). lra.
Qed.
End Blindness.

(* the same to the left: a transformer at -x is one with -w_in at x *)
Theorem context_spread_left d eps w_in b_in pos net Ks w g b b0 Rp x c c' : (0 < d)%nat -> 0 <= eps ->
  Forall2 (bounded d eps) net Ks -> (forall T, norm d (P d (add b_in (pos T))) <= Rp) -> 0 < norm d (P d w_in) ->
  far_radius d eps w_in Ks Rp < x ->
  Rabs (transformer d eps w_in b_in pos net w g b b0 (- x) c - transformer d eps w_in b_in pos net w g b b0 (- x) c')
  <= 2 * ceil d w g * (far_radius d eps w_in Ks Rp / x).
Proof.
  intros Hd He HF Hp Hw Hx. rewrite !left_is_right.
  assert (N : norm d (P d (scal (-1) w_in)) = norm d (P d w_in)) by (rewrite normP_scal, Rabs_left by (auto; lra); ring).
  assert (E : far_radius d eps (scal (-1) w_in) Ks Rp = far_radius d eps w_in Ks Rp) by (unfold far_radius; now rewrite N).
  rewrite <- E. apply context_spread; auto; [now rewrite N|now rewrite E].
Qed.
