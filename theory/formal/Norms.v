(* The three norms a pre-norm network may use. RMSNorm of h is LayerNorm of (h, -h) at twice the width, so what is proved of LayerNorm
   holds for it with P -> I. Their ranges (L1, L2) and their Lipschitz constants (L5). *)
From ICL Require Export Gain.
Require Import FunctionalExtensionality.

(* ------------------------------------------------------------------ (h, -h) *)
Definition twin d (h : vec) : vec := fun i => if (i <? d)%nat then h i else - h (i - d)%nat.
Lemma sum_app n m f : sum (n + m) f = sum n f + sum m (fun i => f (n + i)%nat).
Proof. induction m; simpl; [rewrite Nat.add_0_r; ring|]. rewrite Nat.add_succ_r. simpl. rewrite IHm. ring. Qed.
Lemma dot_twin d u v : dot (d + d) (twin d u) (twin d v) = 2 * dot d u v.
Proof.
  unfold dot. rewrite sum_app. replace (2 * sum d (fun i => u i * v i)) with (sum d (fun i => u i * v i) + sum d (fun i => u i * v i)) by ring.
  f_equal; apply sum_ext; intros i Hi; unfold twin.
  - destruct (Nat.ltb_spec i d); [auto|lia].
  - destruct (Nat.ltb_spec (d + i) d); [lia|]. replace (d + i - d)%nat with i by lia. ring.
Qed.
Lemma norm_twin d u : norm (d + d) (twin d u) = sqrt 2 * norm d u.
Proof. unfold norm. rewrite dot_twin. apply sqrt_mult_alt. lra. Qed.
Lemma sum_twin d u : sum (d + d) (twin d u) = 0.
Proof.
  rewrite sum_app, (sum_ext d (fun i => twin d u (d + i)%nat) (fun i => -1 * u i)), sum_scal, (sum_ext d (twin d u) u); [ring| |].
  - intros i Hi. unfold twin. destruct (Nat.ltb_spec i d); [auto|lia].
  - intros i Hi. unfold twin. destruct (Nat.ltb_spec (d + i) d); [lia|]. replace (d + i - d)%nat with i by lia. ring.
Qed.
Lemma twin_lin d a b u v i : twin d (fun i => a * u i + b * v i) i = a * twin d u i + b * twin d v i.
Proof. unfold twin. destruct (i <? d)%nat; ring. Qed.
Lemma INR_twice d : INR (d + d) = 2 * INR d.
Proof. rewrite plus_INR. ring. Qed.

(* ------------------------------------------------------------------ tanh *)
Lemma cosh_pos x : 0 < cosh x.
Proof. unfold cosh. pose proof (exp_pos x). pose proof (exp_pos (- x)). lra. Qed.
Lemma cosh_sinh x : cosh x * cosh x - sinh x * sinh x = 1.
Proof.
  unfold cosh, sinh. replace ((exp x + exp (- x)) / 2 * ((exp x + exp (- x)) / 2) - (exp x - exp (- x)) / 2 * ((exp x - exp (- x)) / 2))
    with (exp x * exp (- x)) by field. rewrite <- exp_plus, Rplus_opp_r. apply exp_0.
Qed.
Lemma tanh_derivative x : derivable_pt_lim tanh x (/ (cosh x * cosh x)).
Proof.
  pose proof (cosh_pos x). replace (/ (cosh x * cosh x)) with ((cosh x * cosh x - sinh x * sinh x) / Rsqr (cosh x)).
  - apply (derivable_pt_lim_div sinh cosh); [apply derivable_pt_lim_sinh|apply derivable_pt_lim_cosh|lra].
  - rewrite cosh_sinh. unfold Rsqr, Rdiv. ring.
Qed.
Lemma tanh_lipschitz x y : Rabs (tanh x - tanh y) <= Rabs (x - y).
Proof.
  assert (W : forall a b, a < b -> Rabs (tanh b - tanh a) <= Rabs (b - a)).
  { intros a b Hab. destruct (MVT_cor2 tanh (fun x => / (cosh x * cosh x)) a b Hab) as [c [E _]]; [intros; apply tanh_derivative|].
    rewrite E, Rabs_mult. rewrite <- (Rmult_1_l (Rabs (b - a))) at 2. apply Rmult_le_compat_r; [apply Rabs_pos|].
    pose proof (cosh_pos c). pose proof (cosh_sinh c). pose proof (Rle_0_sqr (sinh c)). unfold Rsqr in *.
    rewrite Rabs_right by (apply Rle_ge; left; apply Rinv_0_lt_compat; nra). rewrite <- Rinv_1. apply Rinv_le_contravar; lra. }
  destruct (Rtotal_order x y) as [L|[->|G]].
  - rewrite <- (Rabs_Ropp (x - y)), <- Rabs_Ropp. replace (- (tanh x - tanh y)) with (tanh y - tanh x) by ring.
    replace (- (x - y)) with (y - x) by ring. now apply W.
  - rewrite !Rminus_eq_0. lra.
  - now apply W.
Qed.

Lemma norm_l1 n u : norm n u <= sum n (fun i => Rabs (u i)).
Proof.
  induction n; [unfold norm, dot; simpl; rewrite sqrt_0; lra|]. simpl. pose proof (norm_pos n u). pose proof (Rabs_pos (u n)).
  apply Rle_trans with (norm n u + Rabs (u n)); [|lra]. apply sq_le; [lra|]. rewrite norm_sq. unfold dot. simpl. fold (dot n u u).
  rewrite <- norm_sq. assert (E : u n * u n = Rabs (u n) * Rabs (u n)) by (rewrite <- Rabs_mult; symmetry; apply Rabs_right; nra). rewrite E. nra.
Qed.
(* tanh and its two ends *)
Lemma tanh_minus_1 u : tanh u - 1 = - (2 * / (exp (2 * u) + 1)).
Proof.
  unfold tanh, sinh, cosh. replace (2 * u) with (u + u) by ring. rewrite exp_plus, exp_Ropp. pose proof (exp_pos u). field. split; nra.
Qed.
Lemma tanh_end u : Rabs (tanh u - 1) <= 2 * exp (- (2 * u)).
Proof.
  rewrite tanh_minus_1, Rabs_Ropp, exp_Ropp. pose proof (exp_pos (2 * u)).
  assert (0 < / (exp (2 * u) + 1)) by (apply Rinv_0_lt_compat; lra). rewrite Rabs_right by lra.
  apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; lra.
Qed.
Lemma tanh_bound u : Rabs (tanh u) <= 1.
Proof.
  assert (W : forall v, tanh v <= 1).
  { intros v. pose proof (tanh_minus_1 v). assert (0 < / (exp (2 * v) + 1)) by (apply Rinv_0_lt_compat; pose proof (exp_pos (2 * v)); lra). lra. }
  assert (O : tanh (- u) = - tanh u).
  { unfold tanh, sinh, cosh. rewrite Ropp_involutive. pose proof (exp_pos u). pose proof (exp_pos (- u)). field. lra. }
  apply Rabs_le. pose proof (W u). pose proof (W (- u)). lra.
Qed.
Lemma tanh_odd u : tanh (- u) = - tanh u.
Proof. unfold tanh, sinh, cosh. rewrite Ropp_involutive. pose proof (exp_pos u). pose proof (exp_pos (- u)). field. lra. Qed.

Section Norms.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.

(* ------------------------------------------------------------------ RMSNorm: P -> I *)
Local Notation RMS := (RMS d).
Definition RMSa eps (g b h : vec) : vec := fun i => g i * RMS eps h i + b i.
Lemma P_twin h i : LayerNorm.P (d + d) (twin d h) i = twin d h i.
Proof. apply P_id; [lia|apply sum_twin]. Qed.
Lemma var_twin h : LayerNorm.var (d + d) (twin d h) = dot d h h / D.
Proof.
  unfold LayerNorm.var. rewrite (dot_ext (d + d) _ _ (twin d h) (twin d h)) by (intros; apply P_twin).
  rewrite dot_twin, INR_twice. field. lra.
Qed.
Theorem LN_twin eps h i : LayerNorm.LN (d + d) eps (twin d h) i = twin d (RMS eps h) i.
Proof. unfold LayerNorm.LN. rewrite P_twin, var_twin. unfold twin, Readout.RMS. destruct (i <? d)%nat; unfold Rdiv; ring. Qed.
Lemma P_twin_norm v : norm (d + d) (LayerNorm.P (d + d) (twin d v)) = sqrt 2 * norm d v.
Proof. rewrite (norm_ext _ _ (twin d v) (fun i _ => P_twin v i)). apply norm_twin. Qed.
Lemma RMS_le eps h : 0 <= eps -> norm d (RMS eps h) <= sqrt D.
Proof.
  intros He. pose proof (LN_norm_le (d + d) ltac:(lia) eps (twin d h) He) as X.
  rewrite (norm_ext (d + d) _ (twin d (RMS eps h)) (fun i _ => LN_twin eps h i)), norm_twin, INR_twice, sqrt_mult_alt in X by lra.
  pose proof (sqrt_lt_R0 2 ltac:(lra)). now apply Rmult_le_reg_l with (sqrt 2).
Qed.
Definition rms eps h := sqrt (dot d h h / D + eps).
Lemma RMSa_minus eps g b h k i : minus (RMSa eps g b h) (RMSa eps g b k) i = mul g (minus (RMS eps h) (RMS eps k)) i.
Proof. unfold minus, mul, RMSa. ring. Qed.
Theorem RMSa_lipschitz eps g b h k K : 0 < eps -> 0 <= K -> (forall i, (i < d)%nat -> Rabs (g i) <= K) ->
  norm d (minus (RMSa eps g b h) (RMSa eps g b k)) <= K * (norm d (minus h k) / sqrt (rms eps h * rms eps k)).
Proof.
  intros He HK Hg. rewrite (norm_ext d _ _ (fun i _ => RMSa_minus eps g b h k i)).
  eapply Rle_trans; [now apply (largest d g K)|]. apply Rmult_le_compat_l; auto.
  pose proof (LN_lipschitz_P (d + d) ltac:(lia) eps (twin d h) (twin d k) He) as X. rewrite !var_twin in X. fold (rms eps h) (rms eps k) in X.
  rewrite (norm_ext (d + d) _ (twin d (minus (RMS eps h) (RMS eps k)))) in X by (intros; rewrite !LN_twin; unfold minus; rewrite twin_lin; auto).
  rewrite (norm_ext (d + d) (LayerNorm.P (d + d) _) (twin d (minus h k))), !norm_twin in X.
  - pose proof (sqrt_lt_R0 2 ltac:(lra)). apply Rmult_le_reg_l with (sqrt 2); auto. unfold Rdiv in *. now rewrite <- Rmult_assoc.
  - intros i _. rewrite (P_lin (d + d)), !P_twin by lia. unfold minus. now rewrite twin_lin.
Qed.
Lemma rms_ge eps h : 0 < eps -> sqrt eps <= rms eps h.
Proof. intros He. apply sqrt_le_1_alt. assert (0 <= dot d h h / D) by (apply Rmult_le_pos; [apply dot_pos|left; now apply Rinv_0_lt_compat]). lra. Qed.
Theorem RMSa_lipschitz_eps eps g b h k K : 0 < eps -> 0 <= K -> (forall i, (i < d)%nat -> Rabs (g i) <= K) ->
  norm d (minus (RMSa eps g b h) (RMSa eps g b k)) <= K / sqrt eps * norm d (minus h k).
Proof.
  intros He HK Hg. eapply Rle_trans; [now apply RMSa_lipschitz with (K := K)|]. unfold Rdiv. rewrite Rmult_assoc, (Rmult_comm (/ sqrt eps)).
  apply Rmult_le_compat_l; auto. apply Rmult_le_compat_l; [apply norm_pos|]. pose proof (sqrt_lt_R0 eps He) as S.
  pose proof (rms_ge eps h He). pose proof (rms_ge eps k He). apply Rinv_le_contravar; auto.
  rewrite <- (sqrt_square (sqrt eps)) by lra. apply sqrt_le_1_alt, Rmult_le_compat; lra.
Qed.
(* every coordinate shows its own gain, so max|gamma| is the constant *)
Theorem RMSa_lipschitz_sharp eps g b i r : 0 < eps -> (i < d)%nat -> g i <> 0 -> r < 1 -> exists h k,
  r * (Rabs (g i) / sqrt eps * norm d (minus h k)) < norm d (minus (RMSa eps g b h) (RMSa eps g b k)).
Proof.
  intros He Hi Gi Hr. destruct (near_zero eps (/ D) r He) as [t [T K]]; [now apply Rinv_0_lt_compat|auto|].
  assert (N1 : dot d (delta i) (delta i) = 1).
  { unfold dot. rewrite (sum_delta d i (delta i)) by auto. unfold delta. destruct (Nat.eq_dec i i); [auto|lia]. }
  exists (scal t (delta i)), (scal 0 (delta i)). rewrite (norm_ext d (minus (scal t (delta i)) _) (scal t (delta i))) by (intros; unfold minus, scal;
    ring).
  rewrite norm_scal, (Rabs_right t) by lra. unfold norm at 1. rewrite N1, sqrt_1, Rmult_1_r. apply Rabs_pos_lt in Gi.
  eapply Rlt_le_trans; [|apply (coord_le_norm d _ i Hi)]. rewrite RMSa_minus. unfold mul, minus, Readout.RMS.
    rewrite !dot_scal, !(dot_sym d (delta i)), !dot_scal, N1.
  unfold scal, delta. destruct (Nat.eq_dec i i); [|lia]. replace (t * (t * 1) / D) with (t * t * / D) by (unfold Rdiv; ring).
  set (s := sqrt (t * t * / D + eps)) in *. assert (S : 0 < s) by (apply sqrt_lt_R0; assert (0 < / D) by (now apply Rinv_0_lt_compat); nra).
  replace (g i * (1 * (t * 1 / s) + -1 * (0 * 1 / sqrt (0 * (0 * 1) / D + eps)))) with (g i * (t * / s)) by (unfold Rdiv; ring).
  assert (0 < / s) by now apply Rinv_0_lt_compat. rewrite Rabs_mult, (Rabs_right (t * / s)) by nra.
  replace (r * (Rabs (g i) / sqrt eps * t)) with (r * / sqrt eps * (Rabs (g i) * t)) by (unfold Rdiv; ring).
  replace (Rabs (g i) * (t * / s)) with (/ s * (Rabs (g i) * t)) by ring. apply Rmult_lt_compat_r; nra.
Qed.
Definition rms_jacobian eps (g h u : vec) : vec := fun i => g i * ((u i - dot d (RMS eps h) u / D * RMS eps h i) / rms eps h).
Theorem rms_jacobian_derivative eps g b h u i : (i < d)%nat -> 0 < dot d h h / D + eps ->
  derivable_pt_lim (fun t => RMSa eps g b (fun j => h j + t * u j) i) 0 (rms_jacobian eps g h u i).
Proof.
  intros Hi HA. set (gg := fun _ : nat => g i). set (bb := fun _ : nat => b i).
  pose proof (jacobian_derivative (d + d) ltac:(lia) eps gg bb (twin d h) (twin d u) i ltac:(lia)) as H. rewrite var_twin in H. specialize (H HA).
  assert (E : jacobian (d + d) eps gg (twin d h) (twin d u) i = rms_jacobian eps g h u i).
  { unfold jacobian. rewrite var_twin, P_twin, LN_twin.
    rewrite (dot_ext (d + d) (LN (d + d) eps (twin d h)) (twin d u) (twin d (RMS eps h)) (twin d u)) by (intros; auto using LN_twin).
    rewrite dot_twin, INR_twice. unfold rms_jacobian, gg. fold (rms eps h). unfold twin. destruct (Nat.ltb_spec i d); [|lia].
    replace (2 * dot d (RMS eps h) u / (2 * D)) with (dot d (RMS eps h) u / D) by (field; lra). auto. }
  rewrite E in H. intros e He. destruct (H e He) as [del Hd]. exists del. intros t T1 T2. specialize (Hd t T1 T2).
  assert (F : forall s, LNa (d + d) eps gg bb (fun j => twin d h j + s * twin d u j) i = RMSa eps g b (fun j => h j + s * u j) i).
  { intros s. unfold LNa, RMSa, gg, bb. f_equal. f_equal. transitivity (LN (d + d) eps (twin d (fun j => h j + s * u j)) i).
    - f_equal. apply functional_extensionality. intros j. unfold twin. destruct (j <? d)%nat; ring.
    - rewrite LN_twin. unfold twin. destruct (Nat.ltb_spec i d); [auto|lia]. }
  rewrite !F in Hd. exact Hd.
Qed.
(* ------------------------------------------------------------------ DyT *)
Definition DyT al (g b h : vec) : vec := fun i => g i * tanh (al * h i) + b i.
Theorem DyT_lipschitz al g b h k K : 0 <= K -> (forall i, (i < d)%nat -> Rabs (g i) <= K) ->
  norm d (minus (DyT al g b h) (DyT al g b k)) <= Rabs al * K * norm d (minus h k).
Proof.
  intros HK Hg. pose proof (norm_pos d (minus h k)). pose proof (Rabs_pos al).
  rewrite (norm_ext d _ (mul g (fun i => tanh (al * h i) - tanh (al * k i)))) by (intros; unfold minus, mul, DyT; ring).
  eapply Rle_trans; [now apply (largest d g K)|]. rewrite (Rmult_comm (Rabs al)), Rmult_assoc. apply Rmult_le_compat_l; auto.
  rewrite <- norm_scal. apply sqrt_le_1_alt, sum_le. intros i _. unfold scal, minus. pose proof (tanh_lipschitz (al * h i) (al * k i)) as L.
  apply Rsqr_le_abs_1 in L. unfold Rsqr in L. eapply Rle_trans; [exact L|]. right. ring.
Qed.
Theorem DyT_lipschitz_sharp al g b i r : (i < d)%nat -> al <> 0 -> g i <> 0 -> r < 1 -> exists h k,
  r * (Rabs al * Rabs (g i) * norm d (minus h k)) < norm d (minus (DyT al g b h) (DyT al g b k)).
Proof.
  intros Hi Ha Hg Hr. destruct (tanh_derivative 0 (1 - r) ltac:(lra)) as [del Hd]. pose proof (cond_pos del). apply Rabs_pos_lt in Ha, Hg.
  assert (C0 : cosh 0 = 1) by (unfold cosh; rewrite Ropp_0, exp_0; field). assert (T0 : tanh 0 = 0) by (unfold tanh, sinh; rewrite Ropp_0; field;
    rewrite C0; lra).
  set (s := del / 2). assert (S : 0 < s < del) by (unfold s; lra). specialize (Hd s ltac:(lra)). rewrite Rabs_right in Hd by lra.
    specialize (Hd (proj2 S)).
  rewrite Rplus_0_l, T0, C0, Rminus_0_r, Rmult_1_l, Rinv_1 in Hd. apply Rabs_def2 in Hd.
  assert (N1 : norm d (delta i) = 1).
  { unfold norm, dot. rewrite (sum_delta d i (delta i)) by auto. unfold delta. destruct (Nat.eq_dec i i); [apply sqrt_1|lia]. }
  exists (scal (s / al) (delta i)), (scal 0 (delta i)). rewrite (norm_ext d (minus (scal (s / al) (delta i)) _) (scal (s / al) (delta i)))
    by (intros; unfold minus, scal; ring).
  rewrite norm_scal, N1. eapply Rlt_le_trans; [|apply (coord_le_norm d _ i Hi)]. unfold minus, DyT, scal, delta. destruct (Nat.eq_dec i i); [|lia].
  rewrite Rmult_0_l, Rmult_0_r, T0. assert (Na : al <> 0) by (intros Z; rewrite Z, Rabs_R0 in Ha; lra).
  replace (al * (s / al * 1)) with s by (field; auto). replace (1 * (g i * tanh s + b i) + -1 * (g i * 0 + b i)) with (g i * tanh s) by ring.
    rewrite Rabs_mult.
  unfold Rdiv. rewrite Rabs_mult, (Rabs_right s), Rabs_inv by lra. replace (r * (Rabs al * Rabs (g i) * (s * / Rabs al * 1)))
    with (Rabs (g i) * (r * s)) by (field; lra).
  apply Rmult_lt_compat_l; auto. eapply Rlt_le_trans; [|apply Rle_abs]. apply Rmult_lt_reg_r with (/ s); [apply Rinv_0_lt_compat; lra|].
  replace (r * s * / s) with r by (field; lra). fold (tanh s / s). lra.
Qed.
(* ------------------------------------------------------------------ one type for the three *)
Inductive prenorm := LayerN (eps : R) (g b : vec) | RmsN (eps : R) (g b : vec) | DytN (al : R) (g b : vec).
Definition core n : vec -> vec := match n with LayerN eps _ _ => LN d eps | RmsN eps _ _ => RMS eps | DytN al _ _ => fun h i => tanh (al * h i) end.
Definition gamma n := match n with LayerN _ g _ | RmsN _ g _ | DytN _ g _ => g end.
Definition beta n := match n with LayerN _ _ b | RmsN _ _ b | DytN _ _ b => b end.
Definition apply_norm n (h : vec) : vec := fun i => gamma n i * core n h i + beta n i.
Definition norm_ok n := match n with LayerN eps _ _ | RmsN eps _ _ => 0 <= eps | DytN _ _ _ => True end.
Definition kept n (z : vec) := match n with LayerN _ _ _ => sum d z = 0 | _ => True end.
(* how far from its centre a unit with row w can be moved: L2 *)
Definition reach n (w : vec) := match n with
  | LayerN _ g _ => ceil d w g | RmsN _ g _ => sqrt D * norm d (mul g w) | DytN _ g _ => sum d (fun i => Rabs (g i * w i)) end.
Lemma core_kept n h : kept n (core n h).
Proof. destruct n; simpl; auto. now apply LN_sum. Qed.
Lemma core_norm n h : norm_ok n -> norm d (core n h) <= sqrt D.
Proof.
  destruct n as [eps g b|eps g b|al g b]; simpl; intros O; [now apply LN_norm_le|now apply RMS_le|].
  apply sqrt_le_1_alt. unfold dot. rewrite <- (Rmult_1_r D), <- sum_const. apply sum_le. intros i _.
  pose proof (tanh_bound (al * h i)) as T. apply abs_inv in T. nra.
Qed.
Lemma core_reach n w h : norm_ok n -> Rabs (dot d w (mul (gamma n) (core n h))) <= reach n w.
Proof.
  replace (dot d w (mul (gamma n) (core n h))) with (dot d (mul (gamma n) w) (core n h)) by (apply sum_ext; intros; unfold mul; ring).
  destruct n as [eps g b|eps g b|al g b]; simpl; intros O.
  - now apply LN_linear.
  - eapply Rle_trans; [apply cauchy_norm|]. rewrite Rmult_comm. apply Rmult_le_compat_r; [apply norm_pos|now apply RMS_le].
  - eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros i _. rewrite Rabs_mult. rewrite <- (Rmult_1_r (Rabs (g i * w i))).
    apply Rmult_le_compat_l; [apply Rabs_pos|apply tanh_bound].
Qed.
End Norms.
