(* L4: the ray limit. N2 and N3 for any model whose residual is x*v + r(x, context) with |P r| bounded. *)
From ICL Require Export Readout.

(* direction of m+q against direction of m, as unit vectors *)
Section Dir.
Variable n : nat.
Variables m q : vec.
Variable R0 : R.
Hypothesis R0_pos : 0 <= R0.
Hypothesis q_le : norm n q <= R0.
Hypothesis m_gt : R0 < norm n m.
Let a := add m q.

Lemma dir_pos : 0 < norm n a.
Proof. pose proof (norm_sub_ge n m q). unfold a. lra. Qed.

Lemma dir_dot : norm n a * (norm n m * sqrt (1 - (R0 / norm n m) * (R0 / norm n m))) <= dot n a m.
Proof.
  pose proof dir_pos as Ha. pose proof (norm_pos n q). pose proof (norm_pos n m).
  assert (Q : norm n q * norm n q <= R0 * R0) by nra.
  set (M := norm n m) in *. set (A := norm n a) in *.
  assert (Hr : 0 <= R0 / M < 1).
  { split; [apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]|].
    apply Rmult_lt_reg_r with M; [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  set (rho := R0 / M) in *. assert (ER : R0 = rho * M) by (unfold rho; field; lra).
  assert (D1 : dot n a m = M * M + dot n q m) by (unfold a; rewrite dot_add, <- norm_sq; reflexivity).
  assert (D2 : A * A = M * M + 2 * dot n q m + norm n q * norm n q).
  { unfold A, M. rewrite !norm_sq. unfold a. rewrite dot_add, !(dot_sym n _ (add m q)), !dot_add, (dot_sym n m q). ring. }
  pose proof (cauchy_norm n q m) as C. apply abs_inv in C. fold M in C.
  assert (Hdm : 0 <= dot n a m) by (rewrite D1; nra).
  set (p := dot n q m) in *. set (Qn := norm n q) in *. set (cs := sqrt (1 - rho * rho)).
  assert (C2 : cs * cs = 1 - rho * rho) by (apply sqrt_sqrt; nra).
  assert (cs0 : 0 <= cs) by apply sqrt_pos.
  apply sq_le; auto. replace (A * (M * cs) * (A * (M * cs))) with ((A * A) * (M * M * (cs * cs))) by ring.
  rewrite C2, D2, D1. replace (M * M * (1 - rho * rho)) with (M * M - R0 * R0) by (rewrite ER; ring).
  assert (I : (M * M + p) * (M * M + p) - (M * M + 2 * p + Qn * Qn) * (M * M - R0 * R0)
     = (p + R0 * R0) * (p + R0 * R0) + (R0 * R0 - Qn * Qn) * (M * M - R0 * R0)) by ring.
  assert (0 <= (R0 * R0 - Qn * Qn) * (M * M - R0 * R0)) by (apply Rmult_le_pos; nra).
  pose proof (Rle_0_sqr (p + R0 * R0)). unfold Rsqr in *. lra.
Qed.

Theorem direction :
  norm n (fun i => / norm n a * a i + (- / norm n m) * m i)
   <= sqrt (2 * (1 - sqrt (1 - (R0 / norm n m) * (R0 / norm n m)))).
Proof.
  pose proof dir_pos as Ha. pose proof dir_dot as Hd. unfold norm at 1. apply sqrt_le_1_alt.
  rewrite dot_comb, <- !norm_sq. set (M := norm n m) in *. set (A := norm n a) in *. set (cs := sqrt _) in *.
  assert (0 < M) by lra.
  replace (/ A * / A * (A * A) + 2 * / A * - / M * dot n a m + - / M * - / M * (M * M))
    with (2 - 2 * (dot n a m * / (A * M))) by (field; lra).
  enough (cs <= dot n a m * / (A * M)) by lra.
  apply Rmult_le_reg_r with (A * M); [nra|]. rewrite Rmult_assoc, Rinv_l by nra. lra.
Qed.
End Dir.

(* 2 sin(theta/2) with sin theta = rho is the same number; sqrt 2 * rho is a simple upper bound *)
Lemma sqrt_le1 x : 0 <= x <= 1 -> sqrt x <= 1.
Proof. intros. apply sq_le; [lra|]. rewrite sqrt_sqrt; lra. Qed.
Lemma half_angle rho : 0 <= rho <= 1 -> sqrt (2 * (1 - sqrt (1 - rho * rho))) = 2 * sin (asin rho / 2).
Proof.
  intros H. replace (sqrt (1 - rho * rho)) with (cos (asin rho)) by (rewrite cos_asin by lra; reflexivity).
  replace (asin rho) with (2 * (asin rho / 2)) at 1 by field. rewrite cos_2a_sin.
  set (x := sin (asin rho / 2)). replace (2 * (1 - (1 - 2 * x * x))) with ((2 * x) * (2 * x)) by ring.
  apply sqrt_square. assert (0 <= x); [|lra]. apply sin_ge_0.
  - destruct (Rle_lt_dec 0 (asin rho)) as [L|L]; [lra|]. exfalso.
    pose proof (asin_bound rho). pose proof PI_RGT_0.
    pose proof (sin_lt_0_var (asin rho) ltac:(lra) L) as S. rewrite sin_asin in S; lra.
  - pose proof (asin_bound rho). pose proof PI_RGT_0. lra.
Qed.
Lemma half_angle_le rho : 0 <= rho <= 1 -> sqrt (2 * (1 - sqrt (1 - rho * rho))) <= sqrt 2 * rho.
Proof.
  intros H. assert (H1 : rho * rho <= 1 * 1) by (apply Rmult_le_compat; lra).
  assert (H2 : 0 <= rho * rho) by nra. pose proof (sqrt_pos (1 - rho * rho)).
  assert (E : sqrt (1 - rho * rho) * sqrt (1 - rho * rho) = 1 - rho * rho) by (apply sqrt_sqrt; lra).
  assert (S1 : sqrt (1 - rho * rho) <= 1) by (apply sqrt_le1; lra).
  set (S := sqrt (1 - rho * rho)) in *. apply sq_le; [apply Rmult_le_pos; [apply sqrt_pos|lra]|].
  replace (sqrt 2 * rho * (sqrt 2 * rho)) with ((sqrt 2 * sqrt 2) * (rho * rho)) by ring.
  rewrite !sqrt_sqrt by lra. nra.
Qed.

Section Ray.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Local Notation LN := (LN d).
Local Notation var := (var d).

Lemma LN0_unit h i : 0 < norm d (P h) -> LN 0 h i = sqrt D * (/ norm d (P h) * P h i).
Proof.
  intros H. rewrite var_norm in * by auto. pose proof (sqrt_pos (var h)). pose proof (sqrt_lt_R0 D D_pos).
  assert (0 < sqrt (var h)) by nra. unfold LayerNorm.LN. rewrite Rplus_0_r. field. lra.
Qed.

(* effect of eps *)
Lemma sqrt_ratio s e : 0 < s -> 0 <= e -> 1 - e / (2 * s) <= sqrt (s / (s + e)) <= 1.
Proof.
  intros Hs He. split.
  - destruct (Rle_lt_dec (1 - e / (2 * s)) 0) as [L|L]; [eapply Rle_trans; [exact L|apply sqrt_pos]|].
    apply sq_le; [apply sqrt_pos|]. rewrite sqrt_sqrt by (apply ratio_01; auto).
    set (y := e / (2 * s)) in *. assert (0 <= y) by (apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]).
    replace (s / (s + e)) with (/ (1 + 2 * y)) by (unfold y; field; split; lra).
    apply Rmult_le_reg_r with (1 + 2 * y); [lra|]. rewrite Rinv_l by lra. nra.
  - apply sqrt_le1, ratio_01; auto.
Qed.

Lemma LN_eps_diff eps h : 0 <= eps -> 0 < var h ->
  norm d (add (LN eps h) (scal (-1) (LN 0 h))) <= sqrt D * (eps / (2 * var h)).
Proof.
  intros He Hv. set (k := sqrt (var h / (var h + eps))).
  assert (E : forall i, add (LN eps h) (scal (-1) (LN 0 h)) i = scal (k - 1) (LN 0 h) i).
  { intros i. unfold add, scal, LayerNorm.LN, k. rewrite Rplus_0_r, sqrt_div_alt by lra.
    pose proof (sqrt_lt_R0 (var h) Hv). pose proof (sqrt_lt_R0 (var h + eps) ltac:(lra)). field. lra. }
  rewrite (norm_ext d _ _ (fun i _ => E i)), norm_scal.
  pose proof (sqrt_ratio (var h) eps Hv He) as K. fold k in K.
  rewrite Rabs_left1 by lra. pose proof (LN_norm_pos_le d d_pos 0 h (Rle_refl 0)).
  assert (0 <= eps / (2 * var h)) by lra. nra.
Qed.

(* h = t v + r, t > 0 *)
Definition far (v : vec) : vec := fun i => sqrt D * (/ norm d (P v) * P v i).
Definition dev eps v R0 t := sqrt D * (sqrt (2 * (1 - sqrt (1 - (R0 / (t * norm d (P v))) * (R0 / (t * norm d (P v))))))
    + eps * D / (2 * ((t * norm d (P v) - R0) * (t * norm d (P v) - R0)))).
Definition ray t (v r : vec) : vec := fun i => t * v i + r i.

Lemma P_ray t v r i : P (ray t v r) i = add (scal t (P v)) (P r) i.
Proof. unfold ray, add, scal. pose proof (P_lin d d_pos t 1 v r i) as L. rewrite Rmult_1_l in L. rewrite <- L.
  unfold LayerNorm.P, mean. rewrite (sum_ext d (fun i => t * v i + r i) (fun i => t * v i + 1 * r i)) by (intros; ring). ring. Qed.

Theorem ray_limit eps v r R0 t : 0 <= eps -> 0 <= R0 -> norm d (P r) <= R0 -> 0 < t -> R0 < t * norm d (P v) ->
  norm d (add (LN eps (ray t v r)) (scal (-1) (far v))) <= dev eps v R0 t.
Proof.
  intros He HR Hr Ht Hg. set (h := ray t v r). set (m := scal t (P v)).
  assert (Nm : norm d m = t * norm d (P v)) by (unfold m; rewrite norm_scal, Rabs_right; lra).
  assert (Nh : norm d (P h) = norm d (add m (P r))) by (apply norm_ext; intros; apply P_ray).
  assert (G : R0 < norm d m) by lra.
  pose proof (norm_sub_ge d m (P r)) as Hs. rewrite <- Nh in Hs.
  assert (Pos : 0 < norm d (P h)) by lra.
  assert (VE : D * var h = norm d (P h) * norm d (P h)) by (rewrite norm_sq, dot_var by auto; auto).
  assert (Hv : 0 < var h) by nra.
  pose proof (direction d m (P r) R0 HR Hr G) as Dr. pose proof (LN_eps_diff eps h He Hv) as De.
  set (u := LN 0 h). 
  rewrite (norm_ext d _ (add (add (LN eps h) (scal (-1) u)) (add u (scal (-1) (far v)))))
    by (intros; unfold add, scal; ring).
  eapply Rle_trans; [apply norm_add|]. unfold dev. rewrite Rmult_plus_distr_l, Rplus_comm. apply Rplus_le_compat.
  - rewrite (norm_ext d _ (scal (sqrt D) (fun i => / norm d (add m (P r)) * add m (P r) i + (- / norm d m) * m i))).
    + rewrite norm_scal, Rabs_right by (apply Rle_ge, sqrt_pos). apply Rmult_le_compat_l; [apply sqrt_pos|].
      rewrite <- Nm. exact Dr.
    + intros i Hi. unfold u, add at 1, scal at 1 2, far. rewrite LN0_unit by auto.
      rewrite <- Nh. unfold h at 2. rewrite P_ray. fold m. rewrite Nm. unfold m, scal at 3.
      assert (0 < norm d (P v)) by (destruct (Rle_lt_dec (norm d (P v)) 0); [nra|auto]). field. lra.
  - eapply Rle_trans; [exact De|]. apply Rmult_le_compat_l; [apply sqrt_pos|].
    assert (W : (norm d m - R0) * (norm d m - R0) <= D * var h) by (rewrite VE; nra). rewrite <- Nm.
    assert (0 < (norm d m - R0) * (norm d m - R0)) by nra.
    replace (eps / (2 * var h)) with (eps * D * / (2 * (D * var h))) by (field; lra).
    apply Rmult_le_compat_l; [nra|]. apply Rinv_le_contravar; lra.
Qed.

(* ------------------------------------------------------------------ N2, N3 *)
Section Model.
Variable ctx : Type.
Variables (eps : R) (w g b : vec) (b0 : R) (v : vec) (r : R -> ctx -> vec) (R0 : R).
Hypothesis eps_pos : 0 <= eps.
Hypothesis R0_pos : 0 <= R0.
Hypothesis r_bound : forall x c, norm d (P (r x c)) <= R0.
Hypothesis v_pos : 0 < norm d (P v).
Definition model x c := readout d eps w g b b0 (ray x v (r x c)).
Definition plateau := centre d w b b0 + dot d (P (mul g w)) (far v).

Theorem plateau_dev x c : R0 < x * norm d (P v) ->
  Rabs (model x c - plateau) <= norm d (P (mul g w)) * dev eps v R0 x.
Proof.
  intros Hx. assert (0 < x) by (destruct (Rle_lt_dec x 0); [nra|auto]).
  set (z := LN eps (ray x v (r x c))). 
  assert (E : model x c - plateau = dot d (P (mul g w)) (add z (scal (-1) (far v)))).
  { pose proof (readout_dot d d_pos eps w g b b0 (ray x v (r x c))) as H0. fold z in H0.
    rewrite dot_sym, dot_add, dot_scal, !(dot_sym d _ (P (mul g w))). unfold model, plateau. lra. }
  rewrite E. eapply Rle_trans; [apply cauchy_norm|]. apply Rmult_le_compat_l; [apply norm_pos|].
  apply ray_limit; auto.
Qed.

(* context blindness: beyond X* = R0/|Pv| two prompts with the same query differ by at most 2 dev *)
Theorem context_blind x c c' : R0 < x * norm d (P v) ->
  Rabs (model x c - model x c') <= 2 * (norm d (P (mul g w)) * dev eps v R0 x).
Proof.
  intros Hx. pose proof (abs_inv _ _ (plateau_dev x c Hx)). pose proof (abs_inv _ _ (plateau_dev x c' Hx)).
  apply Rabs_le. lra.
Qed.
(* two-function lower bound, whatever the prompts that present f and f' *)
Theorem two_functions x c c' (f f' : R -> R) : R0 < x * norm d (P v) ->
  Rabs (f x - f' x) / 2 - norm d (P (mul g w)) * dev eps v R0 x
   <= Rmax (Rabs (model x c - f x)) (Rabs (model x c' - f' x)).
Proof.
  intros Hx. pose proof (context_blind x c c' Hx) as B. set (e := norm d (P (mul g w)) * dev eps v R0 x) in *.
  pose proof (Rmax_l (Rabs (model x c - f x)) (Rabs (model x c' - f' x))).
  pose proof (Rmax_r (Rabs (model x c - f x)) (Rabs (model x c' - f' x))).
  set (A := Rabs (model x c - f x)) in *. set (B' := Rabs (model x c' - f' x)) in *.
  assert (Rabs (f x - f' x) <= A + B' + 2 * e); [|lra].
  replace (f x - f' x) with ((- (model x c - f x) + (model x c - model x c')) + (model x c' - f' x)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. fold B'.
  pose proof (Rabs_triang (- (model x c - f x)) (model x c - model x c')) as T. rewrite Rabs_Ropp in T. fold A in T. lra.
Qed.

(* dev -> 0 : explicit 1/x rate, hence the plateau as a limit, uniformly over contexts *)
Lemma dev_rate x : 2 * R0 <= x * norm d (P v) -> 0 < x ->
  dev eps v R0 x <= sqrt D * (sqrt 2 * R0 / norm d (P v) * / x + 2 * eps * D / (norm d (P v) * norm d (P v)) * / (x * x)).
Proof.
  intros Hx Hp. unfold dev. apply Rmult_le_compat_l; [apply sqrt_pos|]. set (V := norm d (P v)) in *.
  assert (HV : 0 < x * V) by nra.
  apply Rplus_le_compat.
  - eapply Rle_trans; [apply half_angle_le|].
    + split; [apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]|].
      apply Rmult_le_reg_r with (x * V); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
    + right. field. lra.
  - replace (2 * eps * D / (V * V) * / (x * x)) with (eps * D * / (2 * ((x * V / 2) * (x * V / 2)))) by (field; lra).
    apply Rmult_le_compat_l; [nra|]. apply Rinv_le_contravar; nra.
Qed.

Theorem plateau_limit e : 0 < e -> exists X, forall x c, X <= x -> Rabs (model x c - plateau) < e.
Proof.
  intros He. set (V := norm d (P v)) in *. set (G := norm d (P (mul g w))).
  set (K := G * (sqrt D * (sqrt 2 * R0 / V + 2 * eps * D / (V * V)))).
  assert (0 <= G) by apply norm_pos.
  assert (I1 : 0 <= sqrt 2 * R0 / V).
  { apply Rmult_le_pos; [apply Rmult_le_pos; [apply sqrt_pos|auto]|left; now apply Rinv_0_lt_compat]. }
  assert (I2 : 0 <= 2 * eps * D / (V * V)).
  { apply Rmult_le_pos; [nra|left; apply Rinv_0_lt_compat; nra]. }
  pose proof (sqrt_pos D). assert (HK : 0 <= K) by (unfold K; repeat (apply Rmult_le_pos; auto); lra).
  assert (J1 : 0 <= 2 * R0 / V) by (apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]).
  assert (J2 : 0 <= K / e) by (apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]).
  exists (1 + 2 * R0 / V + K / e). intros x c Hx.
  assert (X1 : 2 * R0 / V < x) by lra. apply (Rmult_lt_compat_r V) in X1; auto.
  unfold Rdiv in X1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r in X1 by lra.
  eapply Rle_lt_trans; [apply plateau_dev; fold V; lra|]. fold G.
  eapply Rle_lt_trans; [apply Rmult_le_compat_l; [auto|apply dev_rate; fold V; lra]|]. fold V.
  assert (0 < / x) by (apply Rinv_0_lt_compat; lra).
  assert (Ix : / (x * x) <= / x) by (apply Rinv_le_contravar; nra).
  apply Rle_lt_trans with (K * / x).
  - unfold K. rewrite !Rmult_assoc. apply Rmult_le_compat_l; auto. apply Rmult_le_compat_l; auto.
    rewrite Rmult_plus_distr_r. apply Rplus_le_compat; [right; ring|].
    replace (2 * (eps * D) / (V * V)) with (2 * eps * D / (V * V)) by (field; lra).
    apply Rmult_le_compat_l; auto.
  - apply Rmult_lt_reg_r with x; [lra|]. rewrite Rmult_assoc, Rinv_l by lra. rewrite Rmult_1_r.
    apply Rmult_lt_reg_r with (/ e); [now apply Rinv_0_lt_compat|].
    replace (e * x * / e) with x by (field; lra). fold (Rdiv K e). lra.
Qed.
End Model.
End Ray.
