(* N2 for every pre-norm network: LayerNorm, RMSNorm or DyT before each block and at the end. What the blocks add is bounded, so
   a far query is answered by one number on each side: its plateau through a final LayerNorm, RMSNorm (P -> I) or DyT. *)
From ICL Require Export Norms Cone Envelope ExtremeToken Limits.
Require Import List FunctionalExtensionality.
Import ListNotations.

Inductive pre := PAttn (n : prenorm) (H : nat) (hd : nat -> Blocks.head)
  | PMlp (n : prenorm) (m : nat) (W1 : mat) (b1 : vec) (act : R -> R) (W2 : mat) (b2 : vec).
Definition pre_update d (B : pre) (h : stream) : stream := match B with
  | PAttn n H hd => att d H hd (fun t => apply_norm d n (h t))
  | PMlp n m W1 b1 act W2 b2 => fun t => mlp d m W1 b1 act W2 b2 (apply_norm d n (h t)) end.
Fixpoint pre_run d (net : list pre) (h : stream) : stream :=
  match net with [] => h | B :: net' => pre_run d net' (fun t => add (h t) (pre_update d B h t)) end.
Definition pre_ok B := match B with
  | PAttn n _ _ => norm_ok n
  | PMlp n _ _ _ act _ _ => norm_ok n /\ exists a0 a1, 0 <= a1 /\ forall x, Rabs (act x) <= a0 + a1 * Rabs x end.

Section FarNorms.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.

(* ------------------------------------------------------------------ every norm is bounded, so is every block, so is their sum *)
Lemma gained g b z B : norm d z <= B -> norm d (fun i => g i * z i + b i) <= sum d (fun i => Rabs (g i)) * B + norm d b.
Proof.
  intros Hz. eapply Rle_trans; [apply (norm_add d (mul g z) b)|]. apply Rplus_le_compat_r.
  assert (0 <= sum d (fun i => Rabs (g i))) by (apply sum_nonneg; intros; apply Rabs_pos).
  eapply Rle_trans; [apply (largest d g (sum d (fun i => Rabs (g i)))); auto|].
  - intros i Hi. apply (sum_term d (fun i => Rabs (g i))); auto. intros. apply Rabs_pos.
  - now apply Rmult_le_compat_l.
Qed.
Lemma norm_bounded n : norm_ok n -> exists B, forall h, norm d (apply_norm d n h) <= B.
Proof.
  intros O. exists (sum d (fun i => Rabs (gamma n i)) * sqrt D + norm d (beta n)). intros h. apply gained. now apply core_norm.
Qed.
Lemma block_bounded B : pre_ok B -> exists K, forall h t, norm d (pre_update d B h t) <= K.
Proof.
  destruct B as [n H hd|n m W1 b1 act W2 b2]; simpl; intros O.
  - destruct (norm_bounded n O) as [B HB]. destruct (attn_grows d (fun _ => 0) (fun _ => 0) H hd) as [_ [_ G]].
    eexists. intros h t. apply (G (fun t => apply_norm d n (h t)) t B). auto.
  - destruct O as [O [a0 [a1 [A1 HA]]]]. destruct (norm_bounded n O) as [B HB].
    exists (sum m (fun k => (a0 + a1 * (norm d (W1 k) * B + Rabs (b1 k))) * norm d (fun i => W2 i k)) + norm d b2). intros h t.
    set (x := apply_norm d n (h t)). set (F := fun k => scal (act (dot d (W1 k) x + b1 k)) (fun i => W2 i k)).
    eapply Rle_trans; [apply (norm_add d (fun i => sum m (fun k => F k i)) b2)|]. apply Rplus_le_compat_r.
    eapply Rle_trans; [apply norm_sum|]. apply sum_le. intros k Hk. unfold F. rewrite norm_scal. apply Rmult_le_compat_r; [apply norm_pos|].
    eapply Rle_trans; [apply HA|]. apply Rplus_le_compat_l, Rmult_le_compat_l; auto. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_r.
    eapply Rle_trans; [apply cauchy_norm|]. apply Rmult_le_compat_l; [apply norm_pos|apply HB].
Qed.
Theorem pre_run_bounded net : Forall pre_ok net -> exists K, 0 <= K /\ forall h t, norm d (add (pre_run d net h t) (scal (-1) (h t))) <= K.
Proof.
  induction 1 as [|B net HB HF [K [K0 IH]]]; simpl.
  - exists 0. split; [lra|]. intros h t. rewrite (norm_ext d _ (scal 0 (h t))) by (intros; unfold add, scal; ring). rewrite norm_scal, Rabs_R0. lra.
  - destruct (block_bounded B HB) as [K1 H1]. exists (K1 + K). split.
    { specialize (H1 (fun _ _ => 0) O). pose proof (norm_pos d (pre_update d B (fun _ _ => 0) O)). lra. }
    intros h t. set (h1 := fun t => add (h t) (pre_update d B h t)).
    rewrite (norm_ext d _ (add (pre_update d B h t) (add (pre_run d net h1 t) (scal (-1) (h1 t))))) by (intros; unfold h1, add, scal; ring).
    eapply Rle_trans; [apply norm_add|]. apply Rplus_le_compat; auto.
Qed.

(* ------------------------------------------------------------------ the readout through a final RMSNorm *)
Definition rms_readout eps (w g b : vec) b0 (h : vec) := dot d w (RMSa d eps g b h) + b0.
Definition rms_ceil w g := sqrt D * norm d (mul g w).
Definition rms_plateau w g b b0 v := centre d w b b0 + dot d (mul g w) v * (sqrt D / norm d v).
(* it is the readout of (h, -h) through a LayerNorm *)
Let ww w g := scal (/ 2) (twin d (mul g w)).
Let one : vec := fun _ => 1.
Let none : vec := fun _ => 0.
Lemma ww_P w g i : P (d + d) (mul one (ww w g)) i = ww w g i.
Proof.
  assert (E : forall j, mul one (ww w g) j = / 2 * twin d (mul g w) j) by (intros; unfold ww, scal, mul at 1, one; ring).
  rewrite P_id; [rewrite E; reflexivity|lia|]. rewrite (sum_ext _ _ _ (fun j _ => E j)), sum_scal, sum_twin. ring.
Qed.
Lemma centre_twin w g b b0 : centre (d + d) (ww w g) none (centre d w b b0) = centre d w b b0.
Proof.
  change (centre d w b b0 + dot (d + d) (ww w g) none = centre d w b b0). unfold none, dot.
  rewrite (sum_ext _ _ (fun _ => 0)), sum_const by (intros; ring). ring.
Qed.
Lemma rms_is_twin eps w g b b0 h : rms_readout eps w g b b0 h = readout (d + d) eps (ww w g) one none (centre d w b b0) (twin d h).
Proof.
  pose proof (readout_dot (d + d) ltac:(lia) eps (ww w g) one none (centre d w b b0) (twin d h)) as X. rewrite (centre_twin w g b b0) in X.
  rewrite (dot_ext _ (P (d + d) (mul one (ww w g))) (LN (d + d) eps (twin d h)) (ww w g) (twin d (RMS d eps h))) in X
    by (intros; first [apply ww_P|now apply LN_twin]).
  unfold ww in X at 2. rewrite dot_scal, dot_twin in X. unfold rms_readout, centre in *.
  rewrite (dot_ext d w (RMSa d eps g b h) w (fun i => 1 * mul g (RMS d eps h) i + 1 * b i)) by (intros; auto; unfold RMSa, mul; ring).
  rewrite dot_lin_r.
  assert (E : dot d w (mul g (RMS d eps h)) = dot d (mul g w) (RMS d eps h)) by (apply sum_ext; intros; unfold mul; ring).
  rewrite E. lra.
Qed.
Lemma ceil_twin w g : ceil (d + d) (ww w g) one = rms_ceil w g.
Proof.
  unfold ceil, rms_ceil. rewrite (norm_ext _ _ _ (fun i _ => ww_P w g i)). unfold ww. rewrite norm_scal, norm_twin, INR_twice, sqrt_mult_alt,
    Rabs_right by lra.
  pose proof (sqrt_sqrt 2 ltac:(lra)) as S. replace (sqrt 2 * sqrt D * (/ 2 * (sqrt 2 * norm d (mul g w))))
    with (sqrt 2 * sqrt 2 * / 2 * (sqrt D * norm d (mul g w))) by ring.
  rewrite S. field.
Qed.
Lemma ray_twin t v r : ray t (twin d v) (twin d r) = twin d (ray t v r).
Proof. apply functional_extensionality. intros i. unfold ray, twin. destruct (i <? d)%nat; ring. Qed.

(* what a ray tends to, uniformly over the residuals *)
Theorem rms_limit (C : Type) eps w g b b0 v (r : R -> C -> vec) R0 e : 0 <= eps -> 0 <= R0 -> (forall x c, norm d (r x c) <= R0) -> 0 < norm d v ->
  0 < e -> exists X, forall x c, X <= x -> Rabs (rms_readout eps w g b b0 (ray x v (r x c)) - rms_plateau w g b b0 v) < e.
Proof.
  intros He HR Hr Hv Pe. pose proof (sqrt_lt_R0 2 ltac:(lra)) as S. pose proof (sqrt_sqrt 2 ltac:(lra)) as S2.
  destruct (plateau_limit (d + d) ltac:(lia) C eps (ww w g) one none (centre d w b b0) (twin d v) (fun x c => twin d (r x c)) (sqrt 2 * R0) He)
    with (e := e)
    as [X HX]; auto; [nra| | |].
  - intros. rewrite (P_twin_norm d d_pos). apply Rmult_le_compat_l; auto. lra.
  - rewrite (P_twin_norm d d_pos). nra.
  - exists X. intros x c Hx. specialize (HX x c Hx). unfold model in HX. rewrite ray_twin, <- rms_is_twin in HX.
    replace (rms_plateau w g b b0 v) with (plateau (d + d) (ww w g) one none (centre d w b b0) (twin d v)); auto.
    unfold plateau, rms_plateau. rewrite (centre_twin w g b b0). f_equal. unfold far. rewrite (P_twin_norm d d_pos), INR_twice, sqrt_mult_alt by lra.
    rewrite (dot_ext _ _ _ (scal (/ 2) (twin d (mul g w))) (scal (sqrt D / norm d v) (twin d v))).
    + rewrite dot_scal, dot_sym, dot_scal, dot_twin, (dot_sym d v). field. lra.
    + intros. apply ww_P.
    + intros. rewrite P_twin by auto. unfold scal. field. lra.
Qed.
(* and the cap it lies in on the way: L4 (c) with P -> I *)
Theorem rms_cap eps w g b b0 v r R0 t : 0 <= eps -> norm d r <= R0 -> 0 < t -> radius d eps R0 < t * norm d v -> 0 < norm d (mul g w) ->
  let s := radius d eps R0 / (t * norm d v) in let th := acos (sqrt (1 - s * s)) in let al := acos (dot d (unit d (mul g w)) (unit d v)) in
  rms_ceil w g * cos (Rmin PI (al + th)) <= rms_readout eps w g b b0 (ray t v r) - centre d w b b0 <= rms_ceil w g * cos (Rmax 0 (al - th)).
Proof.
  intros He Hr Ht Hb Ha s th al. pose proof (sqrt_lt_R0 2 ltac:(lra)) as S. pose proof (sqrt_sqrt 2 ltac:(lra)) as S2.
  assert (R1 : radius (d + d) eps (sqrt 2 * R0) = sqrt 2 * radius d eps R0).
  { unfold radius. rewrite INR_twice. replace (sqrt 2 * R0 * (sqrt 2 * R0)) with ((sqrt 2 * sqrt 2) * (R0 * R0)) by ring. rewrite S2.
    replace (2 * (R0 * R0) + 2 * INR d * eps) with (2 * (R0 * R0 + INR d * eps)) by ring. apply sqrt_mult_alt. lra. }
  assert (Nw : norm (d + d) (P (d + d) (mul one (ww w g))) = / 2 * (sqrt 2 * norm d (mul g w))).
  { rewrite (norm_ext _ _ _ (fun i _ => ww_P w g i)). unfold ww. rewrite norm_scal, norm_twin, Rabs_right; lra. }
  assert (V : 0 < norm d v). { pose proof (sqrt_pos (R0 * R0 + D * eps)). unfold radius in Hb. destruct (Rle_lt_dec (norm d v) 0); [nra|auto]. }
  assert (N : norm (d + d) (P (d + d) (twin d r)) <= sqrt 2 * R0) by (rewrite (P_twin_norm d d_pos); apply Rmult_le_compat_l; lra).
  pose proof (readout_cap (d + d) ltac:(lia) eps (ww w g) one none (centre d w b b0) (twin d v) (twin d r) (sqrt 2 * R0) t He N Ht) as X.
  rewrite (P_twin_norm d d_pos), R1, Nw, (centre_twin w g b b0), ray_twin, <- rms_is_twin, ceil_twin in X. specialize (X ltac:(nra) ltac:(nra)).
    cbv zeta in X.
  assert (E1 : sine (d + d) eps (twin d v) (sqrt 2 * R0) t = s) by (unfold sine, s; rewrite R1, (P_twin_norm d d_pos); field; lra).
  unfold cosine in X. rewrite E1 in X. fold th in X.
  replace (angle (d + d) (ww w g) one (twin d v)) with al in X; auto. unfold al, angle. f_equal. unfold unit. rewrite !Nw, (P_twin_norm d d_pos).
  rewrite !dot_scal, !(dot_sym _ _ (scal _ _)), !dot_scal.
  rewrite (dot_ext _ (P (d + d) (twin d v)) _ (twin d v) (scal (/ 2) (twin d (mul g w)))) by (intros; first [now apply P_twin|apply ww_P]).
  rewrite (dot_sym _ (twin d v)), dot_scal, dot_twin, (dot_sym d v). 
  transitivity (/ norm d (mul g w) * (/ norm d v * dot d (mul g w) v) * (2 * / (sqrt 2 * sqrt 2))); [rewrite S2; field|field]; lra.
Qed.

(* ------------------------------------------------------------------ a final DyT *)
Definition sign x := if Rlt_dec 0 x then 1 else if Rlt_dec x 0 then -1 else 0.
Definition dyt_plateau al w g b b0 v := centre d w b b0 + sum d (fun i => g i * w i * sign (al * v i)).
Definition unseen al u := if Req_EM_T al 0 then 0 else if Req_EM_T u 0 then 1 else 0.       (* a coordinate that keeps its freedom *)
Definition dyt_left al R0 x u := if Req_EM_T (al * u) 0 then unseen al u else 2 * exp (- (2 * (Rabs al * (x * Rabs u - R0)))).
Lemma unseen_zero al u : al * u = 0 -> unseen al u = if Req_EM_T al 0 then 0 else 1.
Proof.
  intros E. unfold unseen. destruct (Req_EM_T al 0), (Req_EM_T u 0); auto. apply Rmult_integral in E. tauto.
Qed.
Lemma unseen_else al u : al * u <> 0 -> unseen al u = 0.
Proof. intros E. unfold unseen. destruct (Req_EM_T al 0), (Req_EM_T u 0) as [->|]; auto. exfalso. apply E. ring. Qed.
Lemma coordinate al u r R0 x : Rabs r <= R0 -> Rabs (tanh (al * (x * u + r)) - sign (al * u)) <= dyt_left al R0 x u.
Proof.
  intros Hr. unfold dyt_left, sign. destruct (Req_EM_T (al * u) 0) as [E|N].
  - rewrite unseen_zero, E by auto. destruct (Rlt_dec 0 0); [lra|]. rewrite Rminus_0_r. destruct (Req_EM_T al 0) as [->|]; [|apply tanh_bound].
    replace (tanh (0 * (x * u + r))) with 0; [rewrite Rabs_R0; lra|]. rewrite Rmult_0_l. unfold tanh, sinh. rewrite Ropp_0. unfold Rdiv. ring.
  - assert (M : Rabs (al * r) <= Rabs al * R0) by (rewrite Rabs_mult; apply Rmult_le_compat_l; [apply Rabs_pos|auto]). apply abs_inv in M.
    rewrite Rmult_minus_distr_l. replace (Rabs al * (x * Rabs u)) with (x * Rabs (al * u)) by (rewrite Rabs_mult; ring).
    destruct (Rlt_dec 0 (al * u)) as [G|G].
    + rewrite (Rabs_right (al * u)) by lra. eapply Rle_trans; [apply tanh_end|]. apply Rmult_le_compat_l; [lra|]. apply exp_le. nra.
    + destruct (Rlt_dec (al * u) 0) as [L|L]; [|lra]. rewrite (Rabs_left (al * u)) by lra.
      replace (tanh (al * (x * u + r)) - -1) with (- (tanh (- (al * (x * u + r))) - 1)) by (rewrite tanh_odd; ring).
      rewrite Rabs_Ropp. eapply Rle_trans; [apply tanh_end|]. apply Rmult_le_compat_l; [lra|]. apply exp_le. nra.
Qed.
(* exponentially near its plateau; coordinates that do not see the query (w_in,i = 0) keep all their freedom *)
Theorem dyt_rate al w g b b0 v r R0 x : (forall i, (i < d)%nat -> Rabs (r i) <= R0) ->
  Rabs (dot d w (DyT al g b (ray x v r)) + b0 - dyt_plateau al w g b b0 v) <= sum d (fun i => Rabs (g i * w i) * dyt_left al R0 x (v i)).
Proof.
  intros Hr. replace (dot d w (DyT al g b (ray x v r)) + b0 - dyt_plateau al w g b b0 v)
    with (sum d (fun i => g i * w i * (tanh (al * ray x v r i) - sign (al * v i)))).
  - eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros i Hi. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|].
    apply coordinate; auto.
  - unfold dyt_plateau, centre, dot. rewrite (sum_ext d (fun i => w i * DyT al g b (ray x v r) i)
      (fun i => 1 * (1 * (g i * w i * (tanh (al * ray x v r i) - sign (al * v i))) + 1 * (g i * w i * sign (al * v i))) + 1 * (w i * b i)))
      by (intros; unfold DyT; ring). rewrite !sum_lin. ring.
Qed.
Lemma left_vanishes al R0 u : 0 <= R0 -> tends (fun x => dyt_left al R0 x u) (unseen al u).
Proof.
  intros HR. unfold dyt_left. destruct (Req_EM_T (al * u) 0) as [E|N]; [apply tends_const|].
  rewrite unseen_else by auto. apply Rabs_pos_lt in N. rewrite Rabs_mult in N.
  set (a := Rabs al) in *. set (m := Rabs u) in *. assert (A : 0 < a) by (pose proof (Rabs_pos al); pose proof (Rabs_pos u); unfold a, m in *; nra).
  assert (M : 0 < m) by nra. assert (Q : 0 <= R0 / m) by (apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]).
  apply (tends_rate _ _ (2 * / (a * m)) (1 + 2 * (R0 / m))). intros x Hx. rewrite Rminus_0_r,
    Rabs_right by (pose proof (exp_pos (- (2 * (a * (x * m - R0))))); lra).
  unfold Rdiv. rewrite Rmult_assoc. apply Rmult_le_compat_l; [lra|].
  assert (X : 2 * R0 <= x * m). { assert (2 * (R0 / m) <= x) by lra. apply (Rmult_le_compat_r m) in H; [|lra].
    replace (2 * (R0 / m) * m) with (2 * R0) in H by (field; lra). lra. }
  assert (Y : 0 < a * m * x) by (assert (0 < a * m) by nra; nra).
  replace (/ (a * m) * / x) with (/ (a * m * x)) by (field; lra). eapply Rle_trans; [apply exp_le with (y := - (a * m * x)); nra|].
    now apply exp_neg_le.
Qed.

(* ------------------------------------------------------------------ the network *)
Section Network.
Variables (w_in b_in : vec) (pos : nat -> vec) (net : list pre) (Rp : R).
Hypothesis net_ok : Forall pre_ok net.
Hypothesis pos_bound : forall T, norm d (add b_in (pos T)) <= Rp.
Definition at_query x c := pre_run d net (embed w_in b_in pos (token x c)) (fst c).
Lemma at_query_ray : exists R0 (r : R -> ctx -> vec), 0 <= R0 /\ (forall x c, norm d (r x c) <= R0) /\
  forall s x c, at_query (s * x) c = ray x (scal s w_in) (r (s * x) c).
Proof.
  destruct (pre_run_bounded net net_ok) as [K [K0 HK]].
  exists (Rp + K), (fun x c => add (add b_in (pos (fst c))) (add (at_query x c) (scal (-1) (embed w_in b_in pos (token x c) (fst c))))).
  assert (Rp0 : 0 <= Rp) by (pose proof (norm_pos d (add b_in (pos O))); pose proof (pos_bound O); lra).
  split; [lra|]. split.
  - intros. eapply Rle_trans; [apply norm_add|]. apply Rplus_le_compat; [apply pos_bound|apply HK].
  - intros s x c. apply functional_extensionality. intros i. unfold ray, embed, add, scal, token. destruct (Nat.eq_dec (fst c) (fst c)); [|lia]. ring.
Qed.
Variables (w g b : vec) (b0 s e : R).
Hypothesis side : s = 1 \/ s = -1.
Hypothesis e_pos : 0 < e.
Theorem far_layernorm eps : 0 <= eps -> 0 < norm d (P d w_in) ->
  exists X, forall x c, X <= x -> Rabs (readout d eps w g b b0 (at_query (s * x) c) - y_inf d (scal s w_in) w g b b0) < e.
Proof.
  intros He Hw. destruct at_query_ray as [R0 [r [HR [Hr E]]]].
  destruct (plateau_limit d d_pos ctx eps w g b b0 (scal s w_in) (fun x c => r (s * x) c) R0 He HR) with (e := e) as [X HX]; auto.
  - intros. eapply Rle_trans; [now apply norm_P_le|auto].
  - rewrite normP_scal by auto. destruct side as [-> | ->]; [rewrite Rabs_R1|rewrite Rabs_left by lra]; lra.
  - exists X. intros x c Hx. rewrite E. now apply HX.
Qed.
Theorem far_rms eps : 0 <= eps -> 0 < norm d w_in ->
  exists X, forall x c, X <= x -> Rabs (rms_readout eps w g b b0 (at_query (s * x) c) - rms_plateau w g b b0 (scal s w_in)) < e.
Proof.
  intros He Hw. destruct at_query_ray as [R0 [r [HR [Hr E]]]].
  destruct (rms_limit ctx eps w g b b0 (scal s w_in) (fun x c => r (s * x) c) R0 e He HR) as [X HX]; auto.
  - rewrite norm_scal. destruct side as [-> | ->]; [rewrite Rabs_R1|rewrite Rabs_left by lra]; lra.
  - exists X. intros x c Hx. rewrite E. now apply HX.
Qed.
Theorem far_dyt al : exists X, forall x c, X <= x ->
  Rabs (dot d w (DyT al g b (at_query (s * x) c)) + b0 - dyt_plateau al w g b b0 (scal s w_in))
  < sum d (fun i => Rabs (g i * w i) * unseen al (scal s w_in i)) + e.
Proof.
  destruct at_query_ray as [R0 [r [HR [Hr E]]]].
  destruct (tends_sum d (fun i x => Rabs (g i * w i) * dyt_left al R0 x (scal s w_in i))
    (fun i => Rabs (g i * w i) * unseen al (scal s w_in i))) with (e := e) as [X HX]; auto.
  - intros i Hi. apply (tends_scal (Rabs (g i * w i)) (fun x => dyt_left al R0 x (scal s w_in i))). now apply left_vanishes.
  - exists X. intros x c Hx. rewrite E. specialize (HX x Hx). cbv beta in HX. apply Rabs_def2 in HX.
    eapply Rle_lt_trans; [apply dyt_rate with (R0 := R0)|].
    + intros i Hi. eapply Rle_trans; [now apply (coord_le_norm d)|auto].
    + lra.
Qed.
End Network.
End FarNorms.
