(* L5 with gain: the exact Lipschitz constant of gamma * LayerNorm + beta is |Gamma P| / sqrt(eps), none without eps; its Jacobian. *)
From ICL Require Export Sensitivity.

Section Gain.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Local Notation LN := (LN d).
Local Notation LNa := (LNa d).
Local Notation var := (var d).
Definition minus (u v : vec) : vec := fun i => 1 * u i + -1 * v i.

(* K bounds the operator Gamma P *)
Definition gain g K := 0 <= K /\ forall z, sum d z = 0 -> norm d (mul g z) <= K * norm d z.
Lemma largest g K z : 0 <= K -> (forall i, (i < d)%nat -> Rabs (g i) <= K) -> norm d (mul g z) <= K * norm d z.
Proof.
  intros HK Hg. pose proof (norm_pos d z) as N. apply sq_le;
    [nra|]. replace (K * norm d z * (K * norm d z)) with (K * K * (norm d z * norm d z)) by ring.
  rewrite !norm_sq. unfold dot. rewrite <- sum_scal. apply sum_le. intros i Hi. unfold mul.
  specialize (Hg i Hi). apply abs_inv in Hg. pose proof (Rle_0_sqr (z i)). unfold Rsqr in *.
  replace (g i * z i * (g i * z i)) with (g i * g i * (z i * z i)) by ring. apply Rmult_le_compat_r; auto. nra.
Qed.
Lemma gain_largest g K : 0 <= K -> (forall i, (i < d)%nat -> Rabs (g i) <= K) -> gain g K.
Proof. intros HK Hg. split; auto. intros z _. now apply largest. Qed.

Lemma LNa_minus eps g b h k i : minus (LNa eps g b h) (LNa eps g b k) i = mul g (minus (LN eps h) (LN eps k)) i.
Proof. unfold minus, mul, LayerNorm.LNa. ring. Qed.
Theorem LNa_lipschitz eps g b h k K : 0 < eps -> gain g K ->
  norm d (minus (LNa eps g b h) (LNa eps g b k)) <= K * (norm d (P (minus h k)) / sqrt (sqrt (var h + eps) * sqrt (var k + eps))).
Proof.
  intros He [HK G]. rewrite (norm_ext d _ _ (fun i _ => LNa_minus eps g b h k i)). eapply Rle_trans; [apply G|].
  - unfold minus. rewrite sum_lin, !LN_sum by auto. ring.
  - apply Rmult_le_compat_l; auto. now apply LN_lipschitz_P.
Qed.
Theorem LNa_lipschitz_eps eps g b h k K : 0 < eps -> gain g K ->
  norm d (minus (LNa eps g b h) (LNa eps g b k)) <= K / sqrt eps * norm d (minus h k).
Proof.
  intros He [HK G]. rewrite (norm_ext d _ _ (fun i _ => LNa_minus eps g b h k i)). eapply Rle_trans; [apply G|].
  - unfold minus. rewrite sum_lin, !LN_sum by auto. ring.
  - unfold Rdiv. rewrite Rmult_assoc. apply Rmult_le_compat_l; auto. pose proof (sqrt_lt_R0 eps He).
    eapply Rle_trans; [apply (LN_lipschitz_eps d d_pos eps h k He)|]. unfold Rdiv. rewrite Rmult_comm.
    apply Rmult_le_compat_l; [left; now apply Rinv_0_lt_compat|]. now apply norm_P_le.
Qed.

(* LN along a zero-sum direction *)
Lemma LN_along eps t u i : sum d u = 0 -> LN eps (scal t u) i = t / sqrt (t * t * dot d u u / D + eps) * u i.
Proof.
  intros Su. assert (Pt : forall i, P (scal t u) i = t * u i).
  { intros j. rewrite P_id; [reflexivity|auto|]. unfold scal. rewrite sum_scal, Su. ring. }
  unfold LayerNorm.LN, LayerNorm.var. rewrite (dot_ext d _ _ (scal t u) (scal t u)) by (intros; apply Pt).
  rewrite dot_scal, dot_sym, dot_scal, Pt. replace (t * (t * dot d u u)) with (t * t * dot d u u) by ring. unfold Rdiv. ring.
Qed.
Lemma mul_some g u : 0 < norm d (mul g u) -> 0 < dot d u u.
Proof.
  intros H. destruct (Rle_lt_or_eq_dec 0 _ (dot_pos d u)) as [|E]; auto. exfalso.
  assert (Z : forall i, (i < d)%nat -> u i = 0).
  { intros i Hi. pose proof (coord_le_norm d u i Hi) as A. unfold norm in A. rewrite <- E, sqrt_0 in A. pose proof (Rabs_pos (u i)).
    destruct (Req_dec (u i) 0) as [|N]; auto. apply Rabs_pos_lt in N. lra. }
  rewrite (norm_ext d _ (scal 0 u)), norm_scal, Rabs_R0 in H by (intros i Hi; unfold mul, scal; rewrite (Z i Hi); ring). lra.
Qed.
Lemma near_zero eps a r : 0 < eps -> 0 < a -> r < 1 -> exists t, 0 < t /\ r * / sqrt eps < / sqrt (t * t * a + eps).
Proof.
  intros He Ha Hr. set (q := Rmax r 0). assert (Q : 0 <= q < 1) by (unfold q; split; [apply Rmax_r|apply Rmax_lub_lt; lra]).
  assert (Rq : r <= q) by apply Rmax_l. assert (W : 0 <= q * q < 1) by nra.
  assert (B0 : 0 < eps * (1 - q * q) / (2 * a)) by (apply Rmult_lt_0_compat; [nra|apply Rinv_0_lt_compat; lra]).
  set (t := sqrt (eps * (1 - q * q) / (2 * a))). exists t. split; [now apply sqrt_lt_R0|].
  assert (S2 : t * t * a + eps = eps * (1 + (1 - q * q) / 2)) by (unfold t; rewrite sqrt_sqrt by lra; field; lra).
  rewrite S2. pose proof (sqrt_lt_R0 eps He). rewrite sqrt_mult_alt, Rinv_mult by lra. set (m := sqrt (1 + (1 - q * q) / 2)).
  assert (M : 0 < m) by (apply sqrt_lt_R0; lra). assert (Mm : m * m = 1 + (1 - q * q) / 2) by (apply sqrt_sqrt; lra).
  rewrite Rmult_comm. apply Rmult_lt_compat_l; [now apply Rinv_0_lt_compat|]. apply Rle_lt_trans with q; auto.
  apply Rmult_lt_reg_r with m; auto. rewrite Rinv_l by lra. destruct (Rlt_dec (q * m) 1) as [|N]; auto. exfalso.
  assert (X : 1 * 1 <= q * m * (q * m)) by (apply Rmult_le_compat; lra). replace (q * m * (q * m)) with (q * q * (m * m)) in X by ring.
  rewrite Mm in X. set (w := q * q) in *. nra.
Qed.
(* no smaller constant: every direction u of zero sum shows |Gamma u| / |u| at h -> 0 *)
Theorem LNa_lipschitz_sharp eps g b u r : 0 < eps -> sum d u = 0 -> 0 < norm d (mul g u) -> r < 1 -> exists h k,
  r * (norm d (mul g u) / norm d u / sqrt eps * norm d (minus h k)) < norm d (minus (LNa eps g b h) (LNa eps g b k)).
Proof.
  intros He Su Gu Hr. pose proof (mul_some g u Gu) as Uu. assert (Nu : 0 < norm d u) by now apply sqrt_lt_R0.
  destruct (near_zero eps (dot d u u / D) r He) as [t [T K]]; [apply Rmult_lt_0_compat; [auto|now apply Rinv_0_lt_compat]|auto|].
  exists (scal t u), (scal 0 u). rewrite (norm_ext d (minus (scal t u) (scal 0 u)) (scal t u)) by (intros; unfold minus, scal; ring).
  set (s := / sqrt (t * t * (dot d u u / D) + eps)) in *. assert (S0 : 0 < s).
  { apply Rinv_0_lt_compat, sqrt_lt_R0. assert (0 <= t * t * (dot d u u / D)) by (apply Rmult_le_pos; [nra|apply Rmult_le_pos; [lra|left;
    now apply Rinv_0_lt_compat]]). lra. }
  rewrite (norm_ext d (minus (LNa eps g b (scal t u)) _) (scal (t * s) (mul g u))).
  - rewrite !norm_scal, !Rabs_right by nra. replace (r * (norm d (mul g u) / norm d u / sqrt eps * (t * norm d u)))
    with (r * / sqrt eps * (t * norm d (mul g u)))
      by (pose proof (sqrt_lt_R0 eps He); field; lra). replace (t * s * norm d (mul g u)) with (s * (t * norm d (mul g u))) by ring.
        apply Rmult_lt_compat_r; nra.
  - intros i _. rewrite LNa_minus. unfold mul, minus. rewrite !LN_along by auto. unfold s, scal, Rdiv. rewrite <- !(Rmult_assoc (t * t)). ring.
Qed.
(* without eps no constant at all: LayerNorm jumps at h = 0 *)
Theorem LNa_jump g b i L : (1 < d)%nat -> (i < d)%nat -> g i <> 0 -> exists h k,
  L * norm d (minus h k) < norm d (minus (LNa 0 g b h) (LNa 0 g b k)).
Proof.
  intros Hd Hi Gi. assert (exists j, (j < d)%nat /\ j <> i) as [j [Hj Hn]] by (destruct (Nat.eq_dec i 0); [exists 1%nat|exists 0%nat]; lia).
  set (u := fun k => delta i k - delta j k).
  assert (Su : sum d u = 0).
  { rewrite (sum_ext d u (fun k => 1 * (delta i k * 1) + -1 * (delta j k * 1))) by (intros; unfold u; ring).
    rewrite sum_lin, (sum_delta d i (fun _ => 1)), (sum_delta d j (fun _ => 1)) by auto. ring. }
  assert (Gu : 0 < norm d (mul g u)).
  { eapply Rlt_le_trans; [|apply (coord_le_norm d (mul g u) i Hi)]. apply Rabs_pos_lt. unfold mul, u, delta.
    destruct (Nat.eq_dec i i); [|lia]. destruct (Nat.eq_dec i j); [lia|]. lra. }
  pose proof (mul_some g u Gu) as Uu. assert (Nu : 0 < norm d u) by now apply sqrt_lt_R0. pose proof (sqrt_lt_R0 D D_pos) as Sd.
  set (G := norm d (mul g u)) in *. set (U := norm d u) in *. set (A := Rabs L + 1). assert (HA : 0 < A) by (unfold A; pose proof (Rabs_pos L); lra).
  set (t := sqrt D * G / (U * U * A)). assert (T : 0 < t) by (unfold t; apply Rmult_lt_0_compat; [|apply Rinv_0_lt_compat];
    repeat apply Rmult_lt_0_compat; lra).
  exists (scal t u), (scal (- t) u).
  assert (St : sqrt (t * t * dot d u u / D + 0) = t * U / sqrt D).
  { rewrite Rplus_0_r, sqrt_div_alt, sqrt_mult_alt by (try nra; auto). rewrite sqrt_square by lra. auto. }
  assert (N1 : norm d (minus (scal t u) (scal (- t) u)) = 2 * t * U).
  { rewrite (norm_ext d _ (scal (2 * t) u)) by (intros; unfold minus, scal; ring). rewrite norm_scal, Rabs_right by lra. auto. }
  assert (N2 : norm d (minus (LNa 0 g b (scal t u)) (LNa 0 g b (scal (- t) u))) = 2 * sqrt D / U * G).
  { rewrite (norm_ext d _ (scal (2 * sqrt D / U) (mul g u))).
    - rewrite norm_scal, Rabs_right; auto. apply Rle_ge, Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat].
    - intros k _. rewrite LNa_minus. unfold mul, minus. rewrite !LN_along by auto. replace (- t * - t) with (t * t) by ring. rewrite St. unfold scal.
      field. lra. }
  rewrite N1, N2. apply Rle_lt_trans with (Rabs L * (2 * t * U)); [apply Rmult_le_compat_r; [nra|apply Rle_abs]|].
  unfold t. replace (Rabs L * (2 * (sqrt D * G / (U * U * A)) * U)) with (2 * sqrt D / U * G * (Rabs L / A)) by (field; lra).
  rewrite <- (Rmult_1_r (2 * sqrt D / U * G)) at 2. apply Rmult_lt_compat_l.
  - apply Rmult_lt_0_compat; auto. apply Rmult_lt_0_compat; [lra|now apply Rinv_0_lt_compat].
  - apply Rmult_lt_reg_r with A; auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. unfold A. lra.
Qed.

(* ------------------------------------------------------------------ the Jacobian Gamma (P - zz'/d) / sqrt(s + eps) *)
Definition jacobian eps (g h u : vec) : vec := fun i =>
  g i * ((P u i - dot d (LN eps h) u / D * LN eps h i) / sqrt (var h + eps)).
Lemma dot_delta v (g : vec) i : (i < d)%nat -> dot d v (mul g (delta i)) = g i * v i.
Proof.
  intros Hi. unfold dot. rewrite (sum_ext d _ (fun j => delta i j * (g j * v j))) by (intros; unfold mul; ring).
  now apply (sum_delta d i (fun j => g j * v j)).
Qed.
Theorem jacobian_derivative eps g b h u i : (i < d)%nat -> 0 < var h + eps ->
  derivable_pt_lim (fun t => LNa eps g b (fun j => h j + t * u j) i) 0 (jacobian eps g h u i).
Proof.
  intros Hi HA. pose proof (readout_derivative d d_pos eps (delta i) g b 0 h u HA) as H.
  assert (E : dot d (gradient d eps (delta i) g h) u = jacobian eps g h u i).
  { unfold gradient, jacobian. set (z := LN eps h). pose proof (sqrt_lt_R0 _ HA) as S. set (s := sqrt (var h + eps)) in *. set (x := mul g (delta i)).
    assert (M1 : dot d (P x) u = g i * P u i) by (rewrite <- (dot_PP d d_pos), (dot_sym d (P x)), (dot_PP d d_pos); now apply dot_delta).
    assert (M2 : dot d (P x) z = g i * z i) by (rewrite dot_sym, (dot_P d) by (apply LN_sum; auto); now apply dot_delta).
    rewrite (dot_ext d _ u (fun j => / s * P x j + (- (dot d (P x) z / D / s)) * z j) u) by (intros; auto; field; lra).
    rewrite dot_lin, M1, M2. field. lra. }
  rewrite E in H. intros e He. destruct (H e He) as [del Hd]. exists del. intros t T1 T2. specialize (Hd t T1 T2). unfold readout in Hd.
  rewrite !(dot_sym d (delta i)), !Rplus_0_r in Hd.
  assert (Q : forall v, dot d v (delta i) = v i).
  { intros v. rewrite (dot_ext d v (delta i) v (mul (fun _ => 1) (delta i))) by (intros; unfold mul; ring). rewrite dot_delta by auto. ring. }
  rewrite !Q in Hd. exact Hd.
Qed.
Theorem jacobian_size eps g h u K : 0 <= eps -> 0 < var h + eps -> gain g K ->
  norm d (jacobian eps g h u) <= K / sqrt (var h + eps) * norm d u.
Proof.
  intros He HA [HK G]. pose proof (sqrt_lt_R0 _ HA) as S. set (s := sqrt (var h + eps)) in *. set (z := LN eps h). set (q := dot d z u).
  set (v := fun i => 1 * P u i + - (q / D) * z i).
  rewrite (norm_ext d _ (scal (/ s) (mul g v))) by (intros; unfold jacobian, scal, mul, v; fold z q s; field; lra).
  rewrite norm_scal, Rabs_right by (apply Rle_ge; left; now apply Rinv_0_lt_compat).
  replace (K / s * norm d u) with (/ s * (K * norm d u)) by (field; lra). apply Rmult_le_compat_l; [left; now apply Rinv_0_lt_compat|].
  assert (Sz : sum d z = 0) by now apply LN_sum.
  eapply Rle_trans; [apply G; unfold v; rewrite sum_lin, sum_P, Sz by auto; ring|]. apply Rmult_le_compat_l; auto.
  apply Rle_trans with (norm d (P u)); [|now apply norm_P_le]. apply sqrt_le_1_alt. unfold v. rewrite dot_comb.
  assert (Q : dot d (P u) z = q) by (rewrite dot_sym, (dot_P d) by auto; auto). rewrite Q.
  pose proof (LN_sq_le d d_pos eps h He) as Z. fold z in Z. set (zz := dot d z z) in *. set (p := dot d (P u) (P u)).
  replace (1 * 1 * p + 2 * 1 * - (q / D) * q + - (q / D) * - (q / D) * zz) with (p - q * q / (D * D) * (2 * D - zz)) by (field; lra).
  assert (0 <= q * q / (D * D) * (2 * D - zz)); [|lra]. apply Rmult_le_pos; [|lra].
  apply Rmult_le_pos; [apply Rle_0_sqr|left; apply Rinv_0_lt_compat; nra].
Qed.
(* along h it is eps (s + eps)^(-3/2); at a constant h it is Gamma P / sqrt(eps), the exact constant *)
Theorem jacobian_radial eps g h i : 0 < var h + eps -> jacobian eps g h h i = eps / ((var h + eps) * sqrt (var h + eps)) * (g i * P h i).
Proof.
  intros HA. pose proof (sqrt_lt_R0 _ HA) as S. unfold jacobian, LayerNorm.LN at 2. set (s := sqrt (var h + eps)) in *.
  assert (Q : dot d (LN eps h) h = D * var h / s).
  { rewrite <- (dot_P d) by (apply LN_sum; auto). unfold LayerNorm.LN. fold s.
    rewrite (dot_ext d _ (P h) (scal (/ s) (P h)) (P h)) by (intros; auto; unfold scal, Rdiv; ring).
    rewrite dot_scal, dot_var by auto. unfold Rdiv. ring. }
  rewrite Q. assert (V : var h = s * s - eps) by (unfold s; rewrite sqrt_sqrt; lra). rewrite V. field. split; [nra|lra].
Qed.
Theorem jacobian_constant eps g h u i : 0 < eps -> var h = 0 -> (i < d)%nat -> jacobian eps g h u i = g i * P u i / sqrt eps.
Proof.
  intros He V Hi. pose proof (sqrt_lt_R0 _ He). unfold jacobian. assert (Z : LN eps h i = 0) by (unfold LayerNorm.LN; rewrite P_zero by auto;
    unfold Rdiv; ring).
  rewrite Z, V, Rplus_0_l. field. lra.
Qed.

End Gain.

(* width 2 without eps: h has no other direction than its own, so nothing moves *)
Theorem jacobian_width2 g h u i : 0 < var 2 h -> (i < 2)%nat -> jacobian 2 0 g h u i = 0.
Proof.
  intros V Hi. pose proof (LN_sum 2 ltac:(lia) 0 h) as S. pose proof (LN0_sq 2 ltac:(lia) h V) as Q. unfold jacobian.
  unfold dot in *. simpl in S, Q. set (z := LN 2 0 h) in *. assert (E : z O = - z 1%nat) by lra. rewrite E in Q.
  assert (Z : P 2 u i - sum 2 (fun i => z i * u i) / INR 2 * z i = 0); [|rewrite Z; unfold Rdiv; ring].
  unfold P, mean. assert (A : z 1%nat * z 1%nat = 1) by lra.
  assert (B : forall c, z 1%nat * (z 1%nat * c) = c) by (intros; rewrite <- Rmult_assoc, A; ring).
  destruct i as [|[|i]]; [| |lia]; simpl; rewrite E.
  - replace (u O - (0 + u O + u 1%nat) / (1 + 1) - (0 + - z 1%nat * u O + z 1%nat * u 1%nat) / (1 + 1) * - z 1%nat)
      with ((u O - u 1%nat) / 2 - z 1%nat * (z 1%nat * ((u O - u 1%nat) / 2))) by field. rewrite B. ring.
  - replace (u 1%nat - (0 + u O + u 1%nat) / (1 + 1) - (0 + - z 1%nat * u O + z 1%nat * u 1%nat) / (1 + 1) * z 1%nat)
      with ((u 1%nat - u O) / 2 - z 1%nat * (z 1%nat * ((u 1%nat - u O) / 2))) by field. rewrite B. ring.
Qed.
