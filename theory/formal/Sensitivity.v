(* How fast LayerNorm and the prediction move with the residual. L5: Lipschitz constant. L6: speed limit at the ceiling. *)
From ICL Require Export Readout.

Section Sensitivity.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Local Notation LN := (LN d).
Local Notation var := (var d).

(* ------------------------------------------------------------------ L5 *)
Lemma inv_sqrt_sq x : 0 < x -> / sqrt x * / sqrt x = / x.
Proof. intros. rewrite <- Rinv_mult, sqrt_sqrt by lra. auto. Qed.

Theorem LN_lipschitz_P eps h k : 0 < eps ->
  norm d (fun i => 1 * LN eps h i + -1 * LN eps k i)
   <= norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt (sqrt (var h + eps) * sqrt (var k + eps)).
Proof.
  intros He. pose proof (var_pos d d_pos h). pose proof (var_pos d d_pos k).
  set (A := var h + eps). set (B := var k + eps).
  assert (HA : 0 < A) by (unfold A; lra). assert (HB : 0 < B) by (unfold B; lra).
  pose proof (sqrt_lt_R0 _ HA). pose proof (sqrt_lt_R0 _ HB).
  assert (HAB : 0 < sqrt A * sqrt B) by nra. pose proof (sqrt_lt_R0 _ HAB).
  apply sq_le. { apply Rmult_le_pos; [apply norm_pos|left; now apply Rinv_0_lt_compat]. }
  rewrite norm_sq, dot_comb, !LN_sq by (auto; fold A; fold B; lra). fold A B.
  replace (norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt (sqrt A * sqrt B) * (norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt (sqrt A * sqrt B)))
    with ((norm d (P (fun i => 1 * h i + -1 * k i)) * norm d (P (fun i => 1 * h i + -1 * k i))) * / (sqrt (sqrt A * sqrt B) * sqrt (sqrt A * sqrt B))) by (field; lra).
  rewrite norm_sq, sqrt_sqrt by lra.
  rewrite (dot_ext d (P (fun i => 1 * h i + -1 * k i)) (P (fun i => 1 * h i + -1 * k i))
    (fun i => 1 * P h i + -1 * P k i) (fun i => 1 * P h i + -1 * P k i)) by (intros; apply P_lin; auto).
  rewrite dot_comb, !dot_var by auto.
  assert (C : dot d (LN eps h) (LN eps k) = dot d (P h) (P k) / (sqrt A * sqrt B)).
  { unfold LayerNorm.LN, dot. fold A B. unfold Rdiv at 3. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. field. lra. }
  rewrite C. set (q := dot d (P h) (P k)).
  replace (var h) with (A - eps) by (unfold A; ring). replace (var k) with (B - eps) by (unfold B; ring).
  assert (EA : sqrt A * sqrt A = A) by (apply sqrt_sqrt; lra). assert (EB : sqrt B * sqrt B = B) by (apply sqrt_sqrt; lra).
  set (a := sqrt A) in *. set (b := sqrt B) in *. rewrite <- EA, <- EB. clearbody a b q.
  assert (E : (1 * 1 * (D * (a * a - eps)) + 2 * 1 * -1 * q + -1 * -1 * (D * (b * b - eps))) * / (a * b)
    - (1 * 1 * (D * ((a * a - eps) / (a * a))) + 2 * 1 * -1 * (q / (a * b)) + -1 * -1 * (D * ((b * b - eps) / (b * b))))
    = D * ((a - b) * (a - b) * / (a * b) + eps * ((/ a - / b) * (/ a - / b)))) by (field; lra).
  assert (0 < / (a * b)) by (apply Rinv_0_lt_compat; nra).
  pose proof (Rle_0_sqr (a - b)). pose proof (Rle_0_sqr (/ a - / b)). unfold Rsqr in *.
  assert (0 <= D * ((a - b) * (a - b) * / (a * b) + eps * ((/ a - / b) * (/ a - / b)))).
  { apply Rmult_le_pos; [lra|]. apply Rplus_le_le_0_compat; apply Rmult_le_pos; lra. }
  lra.
Qed.
Theorem LN_lipschitz eps h k : 0 < eps ->
  norm d (fun i => 1 * LN eps h i + -1 * LN eps k i)
   <= norm d (fun i => 1 * h i + -1 * k i) / sqrt (sqrt (var h + eps) * sqrt (var k + eps)).
Proof.
  intros He. eapply Rle_trans; [now apply LN_lipschitz_P|]. apply Rmult_le_compat_r; [|now apply norm_P_le].
  pose proof (var_pos d d_pos h). pose proof (var_pos d d_pos k). left. apply Rinv_0_lt_compat, sqrt_lt_R0, Rmult_lt_0_compat; apply sqrt_lt_R0; lra.
Qed.
(* everywhere: 1/sqrt eps *)
Theorem LN_lipschitz_eps eps h k : 0 < eps ->
  norm d (fun i => 1 * LN eps h i + -1 * LN eps k i) <= norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt eps.
Proof.
  intros He. eapply Rle_trans; [now apply LN_lipschitz_P|]. apply Rmult_le_compat_l; [apply norm_pos|].
  pose proof (var_pos d d_pos h). pose proof (var_pos d d_pos k). pose proof (sqrt_lt_R0 eps He) as S. apply Rinv_le_contravar; auto.
  rewrite <- (sqrt_square (sqrt eps)) by lra. apply sqrt_le_1_alt. apply Rmult_le_compat; try lra; apply sqrt_le_1_alt; lra.
Qed.
(* and no smaller constant will do: h = 0 and k = t (e_0 - e_1), t -> 0 *)
Theorem LN_lipschitz_sharp eps r : (1 < d)%nat -> 0 < eps -> r < 1 -> exists h k,
  r * (norm d (P (fun i => 1 * h i + -1 * k i)) / sqrt eps) < norm d (fun i => 1 * LN eps h i + -1 * LN eps k i).
Proof.
  intros Hd He Hr. set (r' := Rmax r 0). assert (R1 : 0 <= r' < 1) by (unfold r'; split; [apply Rmax_r|apply Rmax_lub_lt; lra]).
  assert (R2 : r <= r') by apply Rmax_l. set (u := fun i => delta 0 i - delta 1 i).
  assert (Dot : forall f, dot d u f = f O - f 1%nat).
  { intros f. unfold dot. rewrite (sum_ext d _ (fun i => 1 * (delta 0 i * f i) + -1 * (delta 1 i * f i))) by (intros; unfold u; ring).
    rewrite sum_lin, !sum_delta by lia. ring. }
  assert (Su : sum d u = 0). { rewrite (sum_ext d u (fun i => u i * 1)) by (intros; ring). fold (dot d u (fun _ => 1)). rewrite Dot. ring. }
  assert (Uu : dot d u u = 2) by (rewrite Dot; unfold u, delta; simpl; ring).
  set (t := sqrt (D * eps * (1 - r' * r') / 4)). assert (T2 : t * t = D * eps * (1 - r' * r') / 4).
  { apply sqrt_sqrt. assert (0 <= D * eps) by (apply Rmult_le_pos; lra). assert (0 <= 1 - r' * r') by nra. apply Rmult_le_pos; [now apply Rmult_le_pos|lra]. }
  assert (T0 : 0 < t). { apply sqrt_lt_R0. assert (0 < D * eps) by (apply Rmult_lt_0_compat; lra). assert (0 < 1 - r' * r') by nra. nra. }
  exists (scal t u), (fun _ => 0). assert (Pt : forall i, P (scal t u) i = t * u i).
  { intros i. rewrite P_id; [reflexivity|auto|]. unfold scal. rewrite sum_scal, Su. ring. }
  assert (V : var (scal t u) = t * t * 2 / D).
  { unfold LayerNorm.var. rewrite (dot_ext d _ _ (scal t u) (scal t u)) by (intros; apply Pt). rewrite dot_scal, dot_sym, dot_scal, Uu. unfold Rdiv. ring. }
  assert (P0 : forall i, P (fun _ => 0) i = 0) by (intros; rewrite P_id; auto; rewrite sum_const; ring).
  set (q := sqrt (t * t * 2 / D + eps)). assert (V0 : 0 <= t * t * 2 / D) by (apply Rmult_le_pos; [nra|left; now apply Rinv_0_lt_compat]).
  assert (Q0 : 0 < q) by (apply sqrt_lt_R0; lra). pose proof (sqrt_lt_R0 eps He) as E0. set (e := sqrt eps) in *.
  assert (N1 : norm d (P (fun i => 1 * scal t u i + -1 * 0)) = t * sqrt 2).
  { rewrite (norm_ext d _ (scal t u)).
    - rewrite norm_scal, Rabs_right by lra. unfold norm. now rewrite Uu.
    - intros i _. transitivity (P (scal t u) i); [|apply Pt]. unfold LayerNorm.P, mean. rewrite (sum_ext d (fun i => 1 * scal t u i + -1 * 0) (scal t u)) by (intros; ring). ring. }
  assert (N2 : norm d (fun i => 1 * LN eps (scal t u) i + -1 * LN eps (fun _ => 0) i) = t * sqrt 2 / q).
  { rewrite (norm_ext d _ (scal (t / q) u)).
    - rewrite norm_scal, Rabs_right by (apply Rle_ge, Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]). unfold norm. rewrite Uu. unfold Rdiv. ring.
    - intros i _. unfold LayerNorm.LN. rewrite V, P0, Pt. fold q. unfold scal, Rdiv. ring. }
  rewrite N1, N2. pose proof (sqrt_lt_R0 2 ltac:(lra)) as S2. assert (TS : 0 < t * sqrt 2) by now apply Rmult_lt_0_compat.
  apply Rle_lt_trans with (r' * (t * sqrt 2 / e)).
  { apply Rmult_le_compat_r; auto. apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]. }
  assert (K : r' * q < e).
  { destruct (Rlt_dec (r' * q) e) as [|N]; auto. exfalso. assert (G : e * e <= r' * q * (r' * q)) by (apply Rmult_le_compat; lra).
    assert (Qq : q * q = t * t * 2 / D + eps) by (apply sqrt_sqrt; lra). assert (Ee : e * e = eps) by (apply sqrt_sqrt; lra).
    replace (r' * q * (r' * q)) with (r' * r' * (q * q)) in G by ring. rewrite Qq, Ee, T2 in G.
    replace (D * eps * (1 - r' * r') / 4 * 2 / D) with (eps * ((1 - r' * r') / 2)) in G by (field; lra). set (w := r' * r') in *.
    assert (0 <= w < 1) by (unfold w; nra). nra. }
  apply Rmult_lt_reg_r with (q * e); [now apply Rmult_lt_0_compat|].
  replace (r' * (t * sqrt 2 / e) * (q * e)) with (r' * q * (t * sqrt 2)) by (field; lra).
  replace (t * sqrt 2 / q * (q * e)) with (e * (t * sqrt 2)) by (field; lra). now apply Rmult_lt_compat_r.
Qed.
(* ------------------------------------------------------------------ L6 *)
Definition gradient eps w g h : vec := fun i =>
  (P (mul g w) i - dot d (P (mul g w)) (LN eps h) / D * LN eps h i) / sqrt (var h + eps).

Lemma P_line h u t i : P (fun i => h i + t * u i) i = P h i + t * P u i.
Proof.
  pose proof (P_lin d d_pos 1 t h u i) as L. rewrite Rmult_1_l in L. rewrite <- L.
  unfold LayerNorm.P, mean. rewrite (sum_ext d (fun i => 1 * h i + t * u i) (fun i => h i + t * u i)) by (intros; ring). ring.
Qed.
Lemma var_line h u t : var (fun i => h i + t * u i)
  = var h + t * (2 * (dot d (P h) (P u) / D)) + t * t * var u.
Proof.
  unfold LayerNorm.var. rewrite (dot_ext d _ _ (fun i => 1 * P h i + t * P u i) (fun i => 1 * P h i + t * P u i))
    by (intros; rewrite P_line; ring).
  rewrite dot_comb. field. lra.
Qed.

(* the derivative of the prediction along any direction u is gradient . u *)
Theorem readout_derivative eps w g b b0 h u : 0 < var h + eps ->
  derivable_pt_lim (fun t => readout d eps w g b b0 (fun i => h i + t * u i)) 0 (dot d (gradient eps w g h) u).
Proof.
  intros HA. set (a := P (mul g w)). set (A := var h + eps) in *. pose proof (sqrt_lt_R0 A HA) as HS.
  set (B := 2 * (dot d (P h) (P u) / D)).
  assert (Ef : forall t, readout d eps w g b b0 (fun i => h i + t * u i)
    = centre d w b b0 + (dot d a (P h) + dot d a (P u) * t) * / sqrt (A + t * B + t * t * var u)).
  { intros t. pose proof (readout_dot d d_pos eps w g b b0 (fun i => h i + t * u i)) as H. fold a in H.
    enough (E : dot d a (LN eps (fun i => h i + t * u i))
      = (dot d a (P h) + dot d a (P u) * t) * / sqrt (A + t * B + t * t * var u)) by (rewrite <- E; lra).
    unfold LayerNorm.LN. rewrite var_line. fold B. replace (var h + t * B + t * t * var u + eps) with (A + t * B + t * t * var u) by (unfold A; ring).
    set (q := / sqrt (A + t * B + t * t * var u)).
    unfold dot at 1. rewrite (sum_ext d _ (fun i => q * (a i * P h i) + (q * t) * (a i * P u i))) by (intros; rewrite P_line; unfold Rdiv; fold q; ring).
    rewrite sum_lin. unfold dot. ring. }
  assert (El : dot d (gradient eps w g h) u = dot d a (P u) / sqrt A - dot d a (P h) * (B / (2 * (A * sqrt A)))).
  { rewrite (dot_P d a u) by (apply sum_P, d_pos).
    assert (Ez : dot d a (LN eps h) = dot d a (P h) / sqrt A).
    { unfold LayerNorm.LN. fold A. unfold dot, Rdiv. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. ring. }
    unfold gradient. fold a A. rewrite Ez. unfold LayerNorm.LN. fold A. unfold B. rewrite dot_PP by auto.
    unfold dot at 1. rewrite (sum_ext d _ (fun i => / sqrt A * (a i * u i)
      + (- (dot d a (P h) / sqrt A / D / (sqrt A * sqrt A))) * (P h i * u i))) by (intros; field; lra).
    rewrite sum_lin, sqrt_sqrt by lra. unfold dot. field. lra. }
  rewrite El. set (al := dot d a (P h)) in *. set (be := dot d a (P u)) in *. set (C := var u) in *. set (cc := centre d w b b0) in *.
  assert (E0 : A + 0 * B + 0 * 0 * C = A) by ring.
  assert (D1 : derivable_pt_lim (fun t => A + t * B + t * t * C) 0 B).
  { pose (p := (fct_cte A + (id * fct_cte B) + (id * id) * fct_cte C)%F).
    change (derivable_pt_lim p 0 B). replace B with (0 + (1 * B + 0 * 0) + ((1 * 0 + 0 * 1) * C + (0 * 0) * 0)) by ring.
    unfold p. apply derivable_pt_lim_plus; [apply derivable_pt_lim_plus|].
    - apply derivable_pt_lim_const.
    - apply (derivable_pt_lim_mult id (fct_cte B) 0 1 0); [apply derivable_pt_lim_id|apply derivable_pt_lim_const].
    - apply (derivable_pt_lim_mult (id * id)%F (fct_cte C) 0 (1 * 0 + 0 * 1) 0); [|apply derivable_pt_lim_const].
      apply (derivable_pt_lim_mult id id 0 1 1); apply derivable_pt_lim_id. }
  assert (D2 : derivable_pt_lim (fun t => sqrt (A + t * B + t * t * C)) 0 (/ (2 * sqrt A) * B)).
  { apply (derivable_pt_lim_comp (fun t => A + t * B + t * t * C) sqrt); auto. cbv beta. rewrite E0. now apply derivable_pt_lim_sqrt. }
  assert (D3 : derivable_pt_lim (fun t => al + be * t) 0 be).
  { pose (p := (fct_cte al + fct_cte be * id)%F).
    change (derivable_pt_lim p 0 be). replace be with (0 + (0 * 0 + be * 1)) by ring.
    unfold p. apply (derivable_pt_lim_plus (fct_cte al) (fct_cte be * id)%F); [apply derivable_pt_lim_const|].
    apply (derivable_pt_lim_mult (fct_cte be) id 0 0 1); [apply derivable_pt_lim_const|apply derivable_pt_lim_id]. }
  assert (D4 : derivable_pt_lim (fun t => cc + (al + be * t) * / sqrt (A + t * B + t * t * C)) 0
    (0 + (be * sqrt (A + 0 * B + 0 * 0 * C) - / (2 * sqrt A) * B * (al + be * 0)) / Rsqr (sqrt (A + 0 * B + 0 * 0 * C)))).
  { apply (derivable_pt_lim_plus (fct_cte cc) (fun t => (al + be * t) * / sqrt (A + t * B + t * t * C))); [apply derivable_pt_lim_const|].
    apply (derivable_pt_lim_div (fun t => al + be * t) (fun t => sqrt (A + t * B + t * t * C)) 0 be (/ (2 * sqrt A) * B)); auto.
    rewrite E0. lra. }
  rewrite E0 in D4. unfold Rsqr in D4.
  replace (be / sqrt A - al * (B / (2 * (A * sqrt A)))) with
    (0 + (be * sqrt A - / (2 * sqrt A) * B * (al + be * 0)) / (sqrt A * sqrt A)).
  - intros e He. destruct (D4 e He) as [del Hdel]. exists del. intros k K1 K2. rewrite !Ef. fold cc. apply Hdel; auto.
  - replace (2 * (A * sqrt A)) with (2 * ((sqrt A * sqrt A) * sqrt A)) by (rewrite sqrt_sqrt; lra). field. lra.
Qed.

Lemma gradient_sq eps w g h : 0 < var h + eps ->
  (var h + eps) * dot d (gradient eps w g h) (gradient eps w g h)
  = dot d (P (mul g w)) (P (mul g w))
    - dot d (P (mul g w)) (LN eps h) * dot d (P (mul g w)) (LN eps h) * (2 - dot d (LN eps h) (LN eps h) / D) / D.
Proof.
  intros HA. pose proof (sqrt_lt_R0 _ HA) as HS. set (a := P (mul g w)). set (z := LN eps h). set (S := sqrt (var h + eps)) in *.
  rewrite (dot_ext d _ _ (fun i => / S * a i + (- (dot d a z / D / S)) * z i) (fun i => / S * a i + (- (dot d a z / D / S)) * z i))
    by (intros; unfold gradient; fold a z S; field; lra).
  rewrite dot_comb. rewrite <- (sqrt_sqrt (var h + eps)) by lra. fold S. field. lra.
Qed.

(* at the ceiling the prediction can no longer be moved: neither by the input nor by training *)
Theorem speed_limit eps w g b b0 h : 0 <= eps -> 0 < var h + eps ->
  norm d (gradient eps w g h)
  <= sqrt (ceil d w g * ceil d w g - (readout d eps w g b b0 h - centre d w b b0) * (readout d eps w g b b0 h - centre d w b b0))
     / sqrt (dot d (P h) (P h) + D * eps).
Proof.
  intros He HA. rewrite readout_dot by auto. set (a := P (mul g w)). set (z := LN eps h).
  assert (EC : ceil d w g * ceil d w g = D * dot d a a).
  { unfold ceil. fold a. replace (sqrt D * norm d a * (sqrt D * norm d a)) with ((sqrt D * sqrt D) * (norm d a * norm d a)) by ring.
    rewrite sqrt_sqrt, norm_sq; lra. }
  rewrite EC, dot_var by auto. replace (D * var h + D * eps) with (D * (var h + eps)) by ring.
  assert (HD : 0 < D * (var h + eps)) by nra. rewrite <- sqrt_div_alt by auto. apply sqrt_le_1_alt.
  pose proof (gradient_sq eps w g h HA) as G. fold a z in G. pose proof (LN_sq_le d d_pos eps h He) as Z. fold z in Z.
  apply Rmult_le_reg_r with (D * (var h + eps)); auto.
  replace ((D * dot d a a - dot d a z * dot d a z) / (D * (var h + eps)) * (D * (var h + eps)))
    with (D * dot d a a - dot d a z * dot d a z) by (field; lra).
  replace (dot d (gradient eps w g h) (gradient eps w g h) * (D * (var h + eps)))
    with (D * ((var h + eps) * dot d (gradient eps w g h) (gradient eps w g h))) by ring.
  rewrite G. set (q := dot d a z). set (zz := dot d z z) in *.
  replace (D * (dot d a a - q * q * (2 - zz / D) / D)) with (D * dot d a a - q * q * (2 - zz / D)) by (field; lra).
  assert (zz / D <= 1). { apply Rmult_le_reg_r with D; auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  pose proof (Rle_0_sqr q). unfold Rsqr in *. nra.
Qed.
(* equality without eps *)
Theorem speed_limit_sharp w g b b0 h : 0 < var h ->
  norm d (gradient 0 w g h)
  = sqrt (ceil d w g * ceil d w g - (readout d 0 w g b b0 h - centre d w b b0) * (readout d 0 w g b b0 h - centre d w b b0))
    / norm d (P h).
Proof.
  intros HV. rewrite readout_dot by auto. set (a := P (mul g w)). set (z := LN 0 h).
  assert (EC : ceil d w g * ceil d w g = D * dot d a a).
  { unfold ceil. fold a. replace (sqrt D * norm d a * (sqrt D * norm d a)) with ((sqrt D * sqrt D) * (norm d a * norm d a)) by ring.
    rewrite sqrt_sqrt, norm_sq; lra. }
  rewrite EC. unfold norm at 2. rewrite dot_var by auto. assert (HD : 0 < D * var h) by nra.
  rewrite <- sqrt_div_alt by auto. unfold norm. f_equal.
  pose proof (gradient_sq 0 w g h ltac:(lra)) as G. fold a z in G. pose proof (LN0_sq d d_pos h HV) as Z. fold z in Z.
  rewrite Z, Rplus_0_r in G. apply Rmult_eq_reg_l with (D * var h); [|lra]. rewrite Rmult_assoc, G. field. lra.
Qed.
End Sensitivity.
