(* L4 sharp: eps is one more coordinate, so the normalised residual lies in an exact cone about the ray, and the prediction in the
   cap that the cone cuts out of the ceiling. *)
From ICL Require Export RayLimit.

(* ------------------------------------------------------------------ points of the unit ball within an angle of the unit vector e *)
Section Ball.
Variable n : nat.
Variables (e u : vec) (C : R).
Hypothesis e_unit : dot n e e = 1.
Hypothesis u_ball : dot n u u <= 1.
Hypothesis u_cone : C <= dot n u e.

Definition across : vec := fun i => 1 * u i + - dot n u e * e i.
Lemma across_sq : dot n across across <= 1 - dot n u e * dot n u e.
Proof. unfold across. rewrite dot_comb, e_unit. nra. Qed.
Lemma u_e_1 : -1 <= dot n u e <= 1.
Proof. pose proof (cauchy n u e) as H. rewrite e_unit in H. pose proof (dot_pos n u). split; nra. Qed.

(* L4 (a) in the unit ball *)
Lemma cone_near : norm n (fun i => 1 * u i + -1 * e i) <= sqrt (2 * (1 - C)).
Proof. apply sqrt_le_1_alt. rewrite dot_comb, e_unit. lra. Qed.
(* a direction at angle acos k to e: the cap *)
Lemma cone_cap a k S : dot n a a = 1 -> dot n a e = k -> 0 <= C -> 0 <= S -> S * S = 1 - C * C ->
  cos (Rmin PI (acos k + acos C)) <= dot n a u <= cos (Rmax 0 (acos k - acos C)).
Proof.
  intros Ha Hk HC HS HSC. set (c := dot n u e) in *.
  assert (K : -1 <= k <= 1).
  { pose proof (cauchy n a e) as H. rewrite Ha, Hk, e_unit in H. split; nra. }
  pose proof u_e_1 as C1. fold c in C1. assert (CC : C <= 1) by lra.
  set (q := fun i => 1 * a i + - k * e i). assert (Q : dot n q q = 1 - k * k) by (unfold q; rewrite dot_comb, Ha, Hk, e_unit; ring).
  assert (E : dot n a u = k * c + dot n q across).
  { unfold q. rewrite dot_lin. unfold across. rewrite !dot_lin_r, (dot_sym n e u), e_unit, Hk. fold c. ring. }
  assert (B : Rabs (dot n q across) <= sqrt (1 - k * k) * sqrt (1 - c * c)).
  { apply abs_le_of_sq; [apply Rmult_le_pos; apply sqrt_pos|].
    replace (sqrt (1 - k * k) * sqrt (1 - c * c) * (sqrt (1 - k * k) * sqrt (1 - c * c)))
      with ((sqrt (1 - k * k) * sqrt (1 - k * k)) * (sqrt (1 - c * c) * sqrt (1 - c * c))) by ring.
    rewrite !sqrt_sqrt by nra. eapply Rle_trans; [apply cauchy|]. rewrite Q.
    apply Rmult_le_compat_l; [nra|]. apply across_sq. }
  apply abs_inv in B.
  assert (Ck : cos (acos k) = k) by (apply cos_acos; lra). assert (Cc : cos (acos c) = c) by (apply cos_acos; lra).
  assert (Sk : sin (acos k) = sqrt (1 - k * k)) by (rewrite sin_acos by lra; reflexivity).
  assert (Sc : sin (acos c) = sqrt (1 - c * c)) by (rewrite sin_acos by lra; reflexivity).
  assert (Fm : cos (acos k - acos c) = k * c + sqrt (1 - k * k) * sqrt (1 - c * c)) by (rewrite cos_minus, Ck, Cc, Sk, Sc; ring).
  assert (Fp : cos (acos k + acos c) = k * c - sqrt (1 - k * k) * sqrt (1 - c * c)) by (rewrite cos_plus, Ck, Cc, Sk, Sc; ring).
  pose proof (acos_bound k) as Bk. pose proof (acos_bound c) as Bc. pose proof (acos_bound C) as BC.
  assert (Le : acos c <= acos C).
  { destruct (Rle_lt_dec (acos c) (acos C)); auto. exfalso.
    assert (cos (acos c) < cos (acos C)) by (apply cos_decreasing_1; lra). rewrite Cc, cos_acos in H; lra. }
  assert (U1 : dot n a u <= 1) by (pose proof (cauchy n a u) as H; rewrite Ha in H; pose proof (dot_pos n u); nra).
  assert (U2 : -1 <= dot n a u) by (pose proof (cauchy n a u) as H; rewrite Ha in H; pose proof (dot_pos n u); nra).
  split.
  - destruct (Rle_lt_dec PI (acos k + acos C)); [rewrite Rmin_left, cos_PI by lra; lra|]. rewrite Rmin_right by lra.
    apply Rle_trans with (cos (acos k + acos c)); [apply cos_decr_1; lra|rewrite Fp; lra].
  - destruct (Rle_lt_dec (acos k - acos C) 0); [rewrite Rmax_left, cos_0 by lra; lra|]. rewrite Rmax_right by lra.
    apply Rle_trans with (cos (acos k - acos c)); [rewrite Fm; lra|apply cos_decr_1; lra].
Qed.
End Ball.
(* two such points: the chord of twice the angle *)
Lemma cone_spread n e u u' C : dot n e e = 1 -> dot n u u <= 1 -> dot n u' u' <= 1 -> 0 <= C -> C <= dot n u e -> C <= dot n u' e ->
  norm n (fun i => 1 * u i + -1 * u' i) <= 2 * sqrt (1 - C * C).
Proof.
  intros He Hu Hu' HC Hc Hc'. set (c := dot n u e) in *. set (c' := dot n u' e) in *.
  pose proof (u_e_1 n e u He Hu) as C1. pose proof (u_e_1 n e u' He Hu') as C1'. fold c in C1. fold c' in C1'.
  pose proof (across_sq n e u He Hu) as A. pose proof (across_sq n e u' He Hu') as A'. fold c in A. fold c' in A'.
  set (p := across n e u) in *. set (p' := across n e u') in *.
  apply sq_le; [pose proof (sqrt_pos (1 - C * C)); lra|]. rewrite norm_sq.
  replace (2 * sqrt (1 - C * C) * (2 * sqrt (1 - C * C))) with (4 * (sqrt (1 - C * C) * sqrt (1 - C * C))) by ring.
  rewrite sqrt_sqrt by nra. rewrite dot_comb.
  assert (E : dot n u u' = c * c' + dot n p p').
  { unfold p, p', across. rewrite dot_lin, !dot_lin_r, He, (dot_sym n e u'). fold c c'. ring. }
  rewrite E. assert (Pp : - (1 - C * C) <= dot n p p').
  { apply abs_inv with (a := dot n p p'). apply abs_le_of_sq; [nra|]. eapply Rle_trans; [apply cauchy|].
    apply Rmult_le_compat; try apply dot_pos; nra. }
  nra.
Qed.

Section Cone.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Local Notation LN := (LN d).

(* one coordinate more *)
Definition raised (u : vec) s : vec := fun i => if (i <? d)%nat then u i else s.
Lemma dot_raised u s v t : dot (S d) (raised u s) (raised v t) = dot d u v + s * t.
Proof.
  unfold dot, raised. simpl. destruct (Nat.ltb_spec d d); [lia|]. f_equal.
  apply sum_ext. intros i Hi. destruct (Nat.ltb_spec i d); [auto|lia].
Qed.
Definition unit (u : vec) : vec := scal (/ norm d u) u.
Lemma unit_1 u : 0 < norm d u -> dot d (unit u) (unit u) = 1.
Proof. intros H. unfold unit. rewrite dot_scal, dot_sym, dot_scal, <- norm_sq. field. lra. Qed.

Definition radius eps R0 := sqrt (R0 * R0 + D * eps).            (* residuals of norm R0, and eps *)
Definition sine eps v R0 t := radius eps R0 / (t * norm d (P v)).
Definition cosine eps v R0 t := sqrt (1 - sine eps v R0 t * sine eps v R0 t).
Section Ray.
Variables (eps : R) (v r : vec) (R0 t : R).
Hypothesis eps_pos : 0 <= eps.
Hypothesis r_bound : norm d (P r) <= R0.
Hypothesis beyond : radius eps R0 < t * norm d (P v).
Local Notation h := (ray t v r).
Local Notation z := (scal (/ sqrt D) (LN eps h)).

Lemma radius_pos : 0 <= radius eps R0. Proof. apply sqrt_pos. Qed.
Lemma sine_01 : 0 <= sine eps v R0 t < 1.
Proof.
  pose proof radius_pos. unfold sine. split; [apply Rmult_le_pos; [auto|left; apply Rinv_0_lt_compat; lra]|].
  apply Rmult_lt_reg_r with (t * norm d (P v)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.
Lemma cosine_sq : cosine eps v R0 t * cosine eps v R0 t = 1 - sine eps v R0 t * sine eps v R0 t.
Proof. pose proof sine_01. apply sqrt_sqrt. nra. Qed.
Lemma v_positive : 0 < t -> 0 < norm d (P v).
Proof. pose proof radius_pos. pose proof (norm_pos d (P v)). intros. destruct (Rle_lt_dec (norm d (P v)) 0); [nra|auto]. Qed.

Lemma z_ball : dot d z z <= 1.
Proof.
  rewrite dot_scal, dot_sym, dot_scal. pose proof (LN_sq_le d d_pos eps h eps_pos) as H. pose proof (sqrt_lt_R0 D D_pos).
  replace (/ sqrt D * (/ sqrt D * dot d (LN eps h) (LN eps h))) with (dot d (LN eps h) (LN eps h) * / (sqrt D * sqrt D)) by (field; lra).
  rewrite sqrt_sqrt by lra. apply Rmult_le_reg_r with D; auto. rewrite Rmult_assoc, Rinv_l; lra.
Qed.
Theorem in_cone : 0 < t -> cosine eps v R0 t <= dot d z (unit (P v)).
Proof.
  intros Ht. pose proof (v_positive Ht) as HV. pose proof radius_pos as HR.
  set (m := raised (scal t (P v)) 0). set (q := raised (P r) (sqrt (D * eps))). set (rho := radius eps R0) in *.
  assert (De : sqrt (D * eps) * sqrt (D * eps) = D * eps) by (apply sqrt_sqrt; nra).
  assert (Nm : norm (S d) m = t * norm d (P v)).
  { unfold norm at 1, m. rewrite dot_raised, dot_scal, dot_sym, dot_scal, <- norm_sq.
    replace (t * (t * (norm d (P v) * norm d (P v))) + 0 * 0) with ((t * norm d (P v)) * (t * norm d (P v))) by ring. apply sqrt_square. nra. }
  assert (Nq : norm (S d) q <= rho).
  { apply sqrt_le_1_alt. unfold q. rewrite dot_raised, De, <- norm_sq. pose proof (norm_pos d (P r)). nra. }
  pose proof (dir_dot (S d) m q rho HR Nq ltac:(lra)) as X. pose proof (dir_pos (S d) m q rho Nq ltac:(lra)) as Y.
  rewrite Nm in X.
  assert (Ph : forall i, P h i = t * P v i + P r i) by (intros; rewrite P_ray by auto; reflexivity).
  assert (Ea : norm (S d) (add m q) = sqrt (dot d (P h) (P h) + D * eps)).
  { unfold norm. f_equal. rewrite (dot_ext (S d) (add m q) (add m q) (raised (P h) (sqrt (D * eps))) (raised (P h) (sqrt (D * eps)))).
    - now rewrite dot_raised, De.
    - intros i _. unfold add, m, q, raised. destruct (i <? d)%nat; [rewrite Ph; reflexivity|ring].
    - intros i _. unfold add, m, q, raised. destruct (i <? d)%nat; [rewrite Ph; reflexivity|ring]. }
  assert (Ed : dot (S d) (add m q) m = dot d (P h) (scal t (P v))).
  { rewrite (dot_ext (S d) (add m q) m (raised (P h) (sqrt (D * eps))) (raised (scal t (P v)) 0)).
    - rewrite dot_raised. ring.
    - intros i _. unfold add, m, q, raised. destruct (i <? d)%nat; [rewrite Ph; reflexivity|ring].
    - auto. }
  rewrite Ed, Ea in X. rewrite Ea in Y. rewrite dot_var in X, Y by auto. replace (D * var d h + D * eps) with (D * (var d h + eps)) in X, Y by ring.
  pose proof (sqrt_lt_R0 D D_pos). rewrite sqrt_mult_alt in X, Y by lra. set (s := sqrt (var d h + eps)) in *.
  assert (Hs : 0 < s) by nra.
  assert (E : dot d z (unit (P v)) = dot d (P h) (scal t (P v)) / (sqrt D * s * (t * norm d (P v)))).
  { unfold unit. rewrite dot_scal, (dot_sym d (LN eps h)), dot_scal, (dot_sym d (P h)), dot_scal.
    rewrite (dot_ext d (P v) (LN eps h) (P v) (scal (/ s) (P h))) by (intros; auto; unfold LayerNorm.LN, scal, Rdiv; fold s; ring).
    rewrite (dot_sym d (P v)), dot_scal, (dot_sym d (P h)). field. lra. }
  rewrite E. assert (0 < sqrt D * s * (t * norm d (P v))) by (apply Rmult_lt_0_compat; nra). set (K := sqrt D * s * (t * norm d (P v))) in *.
  apply Rmult_le_reg_r with K; auto. replace (dot d (P h) (scal t (P v)) / K * K) with (dot d (P h) (scal t (P v))) by (field; lra). unfold K, cosine, sine. fold rho. lra.
Qed.
(* L4 (a): eps enters only through the radius *)
Theorem ray_limit_cone : 0 < t ->
  norm d (fun i => 1 * LN eps h i + -1 * far d v i) <= sqrt D * sqrt (2 * (1 - cosine eps v R0 t)).
Proof.
  intros Ht. pose proof (v_positive Ht). pose proof (sqrt_lt_R0 D D_pos).
  rewrite (norm_ext d _ (scal (sqrt D) (fun i => 1 * z i + -1 * unit (P v) i))).
  - rewrite norm_scal, Rabs_right by lra. apply Rmult_le_compat_l; [lra|].
    apply cone_near; [now apply unit_1|apply z_ball|now apply in_cone].
  - intros i _. unfold scal, unit, far, scal. field. lra.
Qed.
End Ray.

(* ------------------------------------------------------------------ L4 (c): the cap of the prediction *)
Definition angle (w g v : vec) := acos (dot d (unit (P (mul g w))) (unit (P v))).
Lemma readout_unit eps w g b b0 h : 0 < norm d (P (mul g w)) ->
  readout d eps w g b b0 h - centre d w b b0 = ceil d w g * dot d (unit (P (mul g w))) (scal (/ sqrt D) (LN eps h)).
Proof.
  intros Ha. rewrite readout_dot by auto. unfold ceil, unit. rewrite dot_scal, (dot_sym d (P (mul g w)) (scal _ _)), dot_scal, (dot_sym d (LN eps h)).
  pose proof (sqrt_lt_R0 D D_pos). field. lra.
Qed.
Theorem readout_cap eps w g b b0 v r R0 t : 0 <= eps -> norm d (P r) <= R0 -> 0 < t -> radius eps R0 < t * norm d (P v) ->
  0 < norm d (P (mul g w)) -> let th := acos (cosine eps v R0 t) in
  ceil d w g * cos (Rmin PI (angle w g v + th)) <= readout d eps w g b b0 (ray t v r) - centre d w b b0
    <= ceil d w g * cos (Rmax 0 (angle w g v - th)).
Proof.
  intros He Hr Ht Hb Ha th. rewrite readout_unit by auto.
  assert (C0 : 0 <= ceil d w g) by (apply Rmult_le_pos; [apply sqrt_pos|apply norm_pos]).
  pose proof (v_positive eps v R0 t Hb Ht) as HV. pose proof (sine_01 eps v R0 t Hb) as S01.
  destruct (cone_cap d (unit (P v)) (scal (/ sqrt D) (LN eps (ray t v r))) (cosine eps v R0 t)
    (unit_1 _ HV) (z_ball eps v r t He) (in_cone eps v r R0 t He Hr Hb Ht)
    (unit (P (mul g w))) _ (sine eps v R0 t) (unit_1 _ Ha) eq_refl) as [L U]; [apply sqrt_pos|lra| |].
  - rewrite cosine_sq by auto. lra.
  - unfold angle, th. split; apply Rmult_le_compat_l; auto.
Qed.
(* that angle has sine X~/t, and an unclipped cap is 2 R sin(angle) sin(theta) long *)
Lemma theta_sine eps v R0 t : radius eps R0 < t * norm d (P v) -> sin (acos (cosine eps v R0 t)) = sine eps v R0 t.
Proof.
  intros Hb. pose proof (sine_01 eps v R0 t Hb). pose proof (cosine_sq eps v R0 t Hb). pose proof (sqrt_pos (1 - sine eps v R0 t * sine eps v R0 t)) as C0.
  fold (cosine eps v R0 t) in C0. rewrite sin_acos by nra. unfold Rsqr. rewrite H0.
  replace (1 - (1 - sine eps v R0 t * sine eps v R0 t)) with (sine eps v R0 t * sine eps v R0 t) by ring. apply sqrt_square. lra.
Qed.
Lemma cap_length al th : cos (al - th) - cos (al + th) = 2 * sin al * sin th.
Proof. rewrite cos_minus, cos_plus. ring. Qed.
(* two residuals on the same ray: the readouts differ by at most 2 R sin(theta) *)
Theorem readout_spread eps w g b b0 v r r' R0 t : 0 <= eps -> norm d (P r) <= R0 -> norm d (P r') <= R0 -> 0 < t ->
  radius eps R0 < t * norm d (P v) ->
  Rabs (readout d eps w g b b0 (ray t v r) - readout d eps w g b b0 (ray t v r')) <= 2 * ceil d w g * sine eps v R0 t.
Proof.
  intros He Hr Hr' Ht Hb. pose proof (sqrt_lt_R0 D D_pos). pose proof (v_positive eps v R0 t Hb Ht) as HV.
  pose proof (sine_01 eps v R0 t Hb) as S01.
  set (u := scal (/ sqrt D) (LN eps (ray t v r))). set (u' := scal (/ sqrt D) (LN eps (ray t v r'))).
  pose proof (cone_spread d (unit (P v)) u u' (cosine eps v R0 t) (unit_1 _ HV) (z_ball eps v r t He) (z_ball eps v r' t He)
    (sqrt_pos _) (in_cone eps v r R0 t He Hr Hb Ht) (in_cone eps v r' R0 t He Hr' Hb Ht)) as X.
  rewrite cosine_sq in X by auto. replace (1 - (1 - sine eps v R0 t * sine eps v R0 t)) with (sine eps v R0 t * sine eps v R0 t) in X by ring.
  rewrite sqrt_square in X by lra.
  replace (readout d eps w g b b0 (ray t v r) - readout d eps w g b b0 (ray t v r'))
    with (dot d (P (mul g w)) (scal (sqrt D) (fun i => 1 * u i + -1 * u' i))).
  - eapply Rle_trans; [apply cauchy_norm|]. rewrite norm_scal, (Rabs_right (sqrt D)) by lra. unfold ceil.
    replace (2 * (sqrt D * norm d (P (mul g w))) * sine eps v R0 t)
      with (norm d (P (mul g w)) * (sqrt D * (2 * sine eps v R0 t))) by ring.
    apply Rmult_le_compat_l; [apply norm_pos|]. apply Rmult_le_compat_l; lra.
  - pose proof (readout_dot d d_pos eps w g b b0 (ray t v r)) as A. pose proof (readout_dot d d_pos eps w g b b0 (ray t v r')) as B.
    rewrite (dot_sym d (P (mul g w)) (scal _ _)), dot_scal, dot_lin. unfold u, u'. rewrite !dot_scal, !(dot_sym d _ (P (mul g w))), <- A, <- B. field. lra.
Qed.
End Cone.

(* attained: width 4, eps = 0, residuals of norm 15 sqrt 2 to either side of a ray 25 sqrt 2 away, sin(theta) = 3/5 *)
Theorem readout_spread_sharp :
  let v := fun i => delta 0 i - delta 1 i in let o := fun i => delta 2 i - delta 3 i in
  let r := fun i => -9 * v i + 12 * o i in let r' := fun i => -9 * v i + -12 * o i in let one := fun _ : nat => 1 in
  readout 4 0 o one (fun _ => 0) 0 (ray 25 v r) - readout 4 0 o one (fun _ => 0) 0 (ray 25 v r')
  = 2 * ceil 4 o one * sine 4 0 v (15 * sqrt 2) 25.
Proof.
  intros v o r r' one. assert (S2 : sqrt 2 * sqrt 2 = 2) by (apply sqrt_sqrt; lra). assert (S0 : 0 < sqrt 2) by (apply sqrt_lt_R0; lra).
  assert (N2 : sqrt (dot 4 (P 4 (mul one o)) (P 4 (mul one o))) = sqrt 2).
  { f_equal. unfold dot, P, mean, mul, one, o, delta. simpl. field. }
  assert (Nv : sqrt (dot 4 (P 4 v) (P 4 v)) = sqrt 2).
  { f_equal. unfold dot, P, mean, v, delta. simpl. field. }
  assert (Q : sqrt 200 = 10 * sqrt 2).
  { replace 200 with ((10 * sqrt 2) * (10 * sqrt 2)) by (replace (10 * sqrt 2 * (10 * sqrt 2)) with (100 * (sqrt 2 * sqrt 2)) by ring; rewrite S2; ring).
    apply sqrt_square. lra. }
  assert (V : forall s, s * s = 144 -> var 4 (fun i => 16 * v i + s * o i) + 0 = 200).
  { intros s Hs. unfold var, dot, P, mean, v, o, delta. simpl. field_simplify. replace (s ^ 2) with 144 by (rewrite <- Hs; ring). field. }
  assert (E : forall s, s * s = 144 -> readout 4 0 o one (fun _ => 0) 0 (ray 25 v (fun i => -9 * v i + s * o i)) = 2 * s / (10 * sqrt 2)).
  { intros s Hs. unfold readout, LNa, LN. 
    assert (R1 : forall i, ray 25 v (fun i => -9 * v i + s * o i) i = 16 * v i + s * o i) by (intros; unfold ray; ring).
    assert (R2 : var 4 (ray 25 v (fun i => -9 * v i + s * o i)) = var 4 (fun i => 16 * v i + s * o i)).
    { unfold var. f_equal. apply dot_ext; intros; unfold P, mean; simpl; now rewrite !R1. }
    rewrite R2, V, Q by auto. unfold dot, P, mean. simpl. rewrite !R1. unfold one, v, o, delta. simpl. field. lra. }
  unfold r, r'. rewrite !E by ring. unfold ceil, norm, sine, radius, norm. rewrite N2, Nv.
  replace (15 * sqrt 2 * (15 * sqrt 2) + INR 4 * 0) with ((15 * sqrt 2) * (15 * sqrt 2)) by ring. rewrite sqrt_square by lra.
  replace (INR 4) with (2 * 2) by (simpl; ring). rewrite sqrt_square by lra. apply Rmult_eq_reg_r with (sqrt 2); [|lra].
  replace (2 * (2 * sqrt 2) * (15 * sqrt 2 / (25 * sqrt 2)) * sqrt 2) with (12 / 5 * (sqrt 2 * sqrt 2)) by (field; lra). rewrite S2. field. lra.
Qed.
