(* G3'': one layer of SSA attention, weights (1 + b|s|)^(n sgn s), without LayerNorm. Under a prompt scaled by tau each head's average
   tends to the Lehmer mean sum z|z|^n / sum |z|^n of the tokens on the query's side (of |z|^-n over all tokens, when there are none),
   and the answer to tau times the fixed form with these means in place of the extreme tokens. *)
From ICL Require Export AnyLayer Scores.

(* ------------------------------------------------------------------ limits *)
Lemma tends_late F G L T : (forall tau, T <= tau -> F tau = G tau) -> tends F L -> tends G L.
Proof.
  intros E H e He. destruct (H e He) as [T' HT]. exists (Rmax T T'). intros tau Ht.
  pose proof (Rmax_l T T'). pose proof (Rmax_r T T'). rewrite <- E by lra. apply HT. lra.
Qed.
Lemma tends_sign F L : tends F L -> 0 < L -> exists T, forall tau, T <= tau -> 0 < F tau.
Proof. intros H P. destruct (H L P) as [T HT]. exists T. intros tau Ht. specialize (HT tau Ht). apply Rabs_def2 in HT. lra. Qed.
Lemma tends_power F L k : 0 < L -> tends F L -> tends (fun tau => Rpower (F tau) k) (Rpower L k).
Proof.
  intros P H. apply tends_exp, (tends_scal k (fun tau => ln (F tau))), tends_continuous; auto.
  exact (derivable_continuous_pt ln L (exist _ (/ L) (derivable_pt_lim_ln L P))).
Qed.
Lemma power_div x y k : 0 < x -> 0 < y -> Rpower x k / Rpower y k = Rpower (x / y) k.
Proof.
  intros Hx Hy. unfold Rdiv. rewrite <- (Rpower_mult_distr x (/ y)) by (auto; now apply Rinv_0_lt_compat). f_equal.
  unfold Rpower. rewrite ln_Rinv by auto. rewrite <- exp_Ropp. f_equal. ring.
Qed.
Lemma power_vanishes k : 0 < k -> tends (fun tau => Rpower (tau * tau) (- k)) 0.
Proof.
  intros Hk e He. exists (1 + exp (- ln e / k)). intros tau Ht. pose proof (exp_pos (- ln e / k)) as E0.
  assert (L : - ln e / k < ln (tau * tau)) by (rewrite <- (ln_exp (- ln e / k)); apply ln_increasing; nra).
  rewrite Rminus_0_r, Rabs_right by (apply Rle_ge; left; apply exp_pos). rewrite <- (exp_ln e) by auto. unfold Rpower. apply exp_increasing.
  apply (Rmult_lt_compat_l k) in L; auto. replace (k * (- ln e / k)) with (- ln e) in L by (field; lra). lra.
Qed.
Lemma tends_over_square u v c : tends (fun tau => (tau * tau * u + tau * v + c) / (tau * tau)) u.
Proof.
  assert (I : tends (fun tau => 1 / tau) 0) by (apply (tends_over (fun _ => 1) 1); intros; rewrite Rabs_R1; lra).
  apply (tends_eventually (fun tau => u + (v * (1 / tau) + c * (1 / tau * (1 / tau))))); [intros; field; lra|].
  replace u with (u + (v * 0 + c * (0 * 0))) at 1 by ring. apply (tends_add (fun _ => u)); [apply tends_const|].
  apply (tends_add (fun tau => v * (1 / tau))); [now apply (tends_scal v (fun tau => 1 / tau))|].
  apply (tends_scal c (fun tau => 1 / tau * (1 / tau))). now apply tends_mul.
Qed.

(* ------------------------------------------------------------------ weighted means *)
Lemma normalised_ext n a a' j : (forall i, (i < n)%nat -> a i = a' i) -> (j < n)%nat -> normalised n a j = normalised n a' j.
Proof. intros H Hj. unfold normalised. rewrite (H j Hj). f_equal. now apply sum_ext. Qed.
Lemma normalised_wmean n a z : dot n (normalised n a) z = wmean n a z.
Proof.
  unfold dot, normalised, wmean, Rdiv. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. ring.
Qed.
Lemma wmean_scal n c a z : c <> 0 -> wmean n (fun j => c * a j) z = wmean n a z.
Proof.
  intros Hc. unfold wmean. rewrite sum_scal, (sum_ext n _ (fun j => c * (a j * z j))) by (intros; ring). rewrite sum_scal.
  unfold Rdiv. rewrite Rinv_mult. replace (c * sum n (fun j => a j * z j) * (/ c * / sum n a))
    with (c * / c * (sum n (fun j => a j * z j) * / sum n a)) by ring.
  rewrite Rinv_r by auto. ring.
Qed.
Lemma tends_wmean n (F : R -> vec) L z : (forall j, (j < n)%nat -> tends (fun tau => F tau j) (L j)) -> sum n L <> 0 ->
  tends (fun tau => wmean n (F tau) z) (wmean n L z).
Proof.
  intros H N. apply (tends_mul (fun tau => sum n (fun j => F tau j * z j)) (fun tau => / sum n (F tau))).
  - apply (tends_dot n F (fun _ => z)); auto. intros. apply tends_const.
  - apply (tends_inv (fun tau => sum n (F tau))); auto. now apply (tends_sum n (fun j tau => F tau j)).
Qed.

(* ------------------------------------------------------------------ SSA's weight of an exploding score *)
Section Weight.
Variables (b k : R).
Hypothesis b_pos : 0 < b.
Hypothesis k_pos : 0 < k.
Lemma ssa_grows u v c : u <> 0 -> let kap := if Rlt_dec 0 u then k else - k in
  tends (fun tau => ssa b k (tau * tau * u + tau * v + c) / Rpower (tau * tau) kap) (Rpower (b * Rabs u) kap).
Proof.
  intros Hu kap. set (s := fun tau => tau * tau * u + tau * v + c). pose proof (tends_over_square u v c) as Hs.
  assert (G : exists T, forall tau, T <= tau -> (if Rle_dec 0 (s tau) then k else - k) = kap).
  { unfold kap. destruct (Rlt_dec 0 u) as [P|P].
    - destruct (tends_sign _ _ Hs P) as [T HT]. exists (Rmax T 1). intros tau Ht. pose proof (Rmax_l T 1). pose proof (Rmax_r T 1).
      specialize (HT tau ltac:(lra)). destruct (Rle_dec 0 (s tau)) as [|N]; auto. exfalso. apply N. fold (s tau) in HT.
      assert (Q : 0 < s tau / (tau * tau) * (tau * tau)) by (apply Rmult_lt_0_compat; nra). unfold Rdiv in Q.
      rewrite Rmult_assoc, Rinv_l in Q; nra.
    - pose proof (tends_scal (-1) _ _ Hs) as Hm. destruct (tends_sign _ _ Hm ltac:(lra)) as [T HT].
      exists (Rmax T 1). intros tau Ht. pose proof (Rmax_l T 1). pose proof (Rmax_r T 1).
      specialize (HT tau ltac:(lra)). destruct (Rle_dec 0 (s tau)) as [N|]; auto. exfalso. fold (s tau) in HT.
      assert (Q : 0 <= s tau / (tau * tau)) by (apply Rmult_le_pos; [auto|left; apply Rinv_0_lt_compat; nra]). lra. }
  destruct G as [T HT]. apply (tends_late (fun tau => Rpower (/ (tau * tau) + b * Rabs (s tau / (tau * tau))) kap) _ _ (Rmax T 1)).
  - intros tau Ht. pose proof (Rmax_l T 1). pose proof (Rmax_r T 1). unfold ssa. fold (s tau). rewrite HT by lra.
    pose proof (Rabs_pos (s tau)). rewrite power_div by nra. f_equal. unfold Rdiv. rewrite Rabs_mult, (Rabs_right (/ (tau * tau))); [ring|].
    apply Rle_ge. left. apply Rinv_0_lt_compat. nra.
  - apply tends_power; [apply Rmult_lt_0_compat; [auto|now apply Rabs_pos_lt]|]. replace (b * Rabs u) with (0 + b * Rabs u) by ring.
    apply (tends_add (fun tau => / (tau * tau))).
    + apply (tends_ext (fun tau => (tau * tau * 0 + tau * 0 + 1) / (tau * tau))); [|apply tends_over_square]. intros tau.
      unfold Rdiv. ring.
    + apply (tends_scal b (fun tau => Rabs (s tau / (tau * tau)))). apply tends_continuous; auto. apply Rcontinuity_abs.
Qed.
Lemma ssa_loses u v c : u < 0 -> tends (fun tau => ssa b k (tau * tau * u + tau * v + c) / Rpower (tau * tau) k) 0.
Proof.
  intros Hu. pose proof (ssa_grows u v c ltac:(lra)) as H. simpl in H. destruct (Rlt_dec 0 u); [lra|].
  pose proof (tends_mul _ _ _ _ H (power_vanishes (2 * k) ltac:(lra))) as M. rewrite Rmult_0_r in M.
  eapply tends_ext; [|exact M]. intros tau. cbv beta. set (x := ssa _ _ _). unfold Rdiv. rewrite Rmult_assoc. f_equal.
  rewrite <- !Rpower_Ropp, <- Rpower_plus. f_equal. ring.
Qed.

(* ------------------------------------------------------------------ the average *)
Definition side a p (z : vec) : vec := fun j => if Rlt_dec 0 (a * z j) then Rpower (Rabs (z j)) p else 0.
Definition lehmer n a z :=
  if Rlt_dec 0 (sum n (side a k z)) then wmean n (side a k z) z else wmean n (fun j => Rpower (Rabs (z j)) (- k)) z.
Theorem ssa_lehmer n a z bb cc : (0 < n)%nat -> a <> 0 -> (forall j, (j < n)%nat -> z j <> 0) ->
  tends (fun tau => dot n (normalised n (fun j => ssa b k (tau * tau * (a * z j) + tau * bb j + cc j))) z) (lehmer n a z).
Proof.
  intros Hn Ha Hz. set (s := fun tau j => tau * tau * (a * z j) + tau * bb j + cc j).
  assert (U : forall j, (j < n)%nat -> a * z j <> 0) by (intros; apply Rmult_integral_contrapositive_currified; auto).
  assert (B : 0 < b * Rabs a) by (apply Rmult_lt_0_compat; [auto|now apply Rabs_pos_lt]).
  assert (Split : forall j p, (j < n)%nat -> Rpower (b * Rabs (a * z j)) p = Rpower (b * Rabs a) p * Rpower (Rabs (z j)) p).
  { intros j p Hj. rewrite Rabs_mult, <- Rmult_assoc. symmetry. apply Rpower_mult_distr; auto. now apply Rabs_pos_lt, Hz. }
  assert (Pw : forall x p, Rpower x p <> 0) by (intros x p; pose proof (exp_pos (p * ln x)); unfold Rpower; lra).
  assert (All : forall p L, (forall j, (j < n)%nat -> tends (fun tau => ssa b k (s tau j) / Rpower (tau * tau) p) (L j)) -> sum n L <> 0 ->
    tends (fun tau => dot n (normalised n (fun j => ssa b k (s tau j))) z) (wmean n L z)).
  { intros p L HL N. apply (tends_ext (fun tau => wmean n (fun j => ssa b k (s tau j) / Rpower (tau * tau) p) z)); [|now apply tends_wmean].
    intros tau. rewrite normalised_wmean, <- (wmean_scal n (/ Rpower (tau * tau) p) (fun j => ssa b k (s tau j)))
      by (apply Rinv_neq_0_compat, Pw).
    apply wmean_ext. intros. unfold Rdiv. ring. }
  unfold lehmer. destruct (Rlt_dec 0 (sum n (side a k z))) as [S0|S0].
  - rewrite <- (wmean_scal n (Rpower (b * Rabs a) k) (side a k z)) by apply Pw. apply (All k).
    + intros j Hj. unfold side. destruct (Rlt_dec 0 (a * z j)) as [P|P].
      * rewrite <- Split by auto. pose proof (ssa_grows (a * z j) (bb j) (cc j) (U j Hj)) as H. simpl in H.
        destruct (Rlt_dec 0 (a * z j)); [exact H|lra].
      * rewrite Rmult_0_r. apply ssa_loses. specialize (U j Hj). lra.
    + rewrite sum_scal. apply Rmult_integral_contrapositive_currified; [apply Pw|lra].
  - assert (Neg : forall j, (j < n)%nat -> a * z j < 0).
    { intros j Hj. specialize (U j Hj). enough (~ 0 < a * z j) by lra. intros P. apply S0.
      assert (0 < side a k z j) by (unfold side; destruct (Rlt_dec 0 (a * z j)); [apply exp_pos|lra]).
      enough (side a k z j <= sum n (side a k z)) by lra. apply sum_term; auto.
      intros i _. unfold side. destruct (Rlt_dec 0 (a * z i)); [left; apply exp_pos|lra]. }
    rewrite <- (wmean_scal n (Rpower (b * Rabs a) (- k)) (fun j => Rpower (Rabs (z j)) (- k))) by apply Pw. apply (All (- k)).
    + intros j Hj. rewrite <- Split by auto. pose proof (ssa_grows (a * z j) (bb j) (cc j) (U j Hj)) as H. simpl in H.
      destruct (Rlt_dec 0 (a * z j)); [specialize (Neg j Hj); lra|exact H].
    + rewrite sum_scal. apply Rmult_integral_contrapositive_currified; [apply Pw|].
      enough (0 < sum n (fun j => Rpower (Rabs (z j)) (- k))) by lra. apply sum_pos; auto. intros. apply exp_pos.
Qed.
End Weight.

(* ------------------------------------------------------------------ assembled *)
Section SsaLayer.
Variables (d dh H : nat) (WQ WK OV : nat -> mat) (bQ bK bV : nat -> vec) (w_in b_in w : vec) (pos : nat -> vec) (b0 b n : R).
Lemma ssa_stochastic m s : stochastic (S m) (normalised (S m) (fun j => ssa b n (s j))).
Proof. apply normalised_stochastic; [intros; left; apply ssa_pos|]. apply sum_pos; [lia|]. intros. apply ssa_pos. Qed.
Definition ssa_head score VO vb : head :=
  {| weights := fun z t => normalised (S t) (fun j => ssa b n (score z t j)); weights_ok := fun z t => ssa_stochastic t (score z t);
     VO := VO; vb := vb |}.
Let hd k := ssa_head (qk_score d dh (WQ k) (bQ k) (WK k) (bK k)) (OV k) (bV k).
Definition ssa_layer := any_layer d H hd w_in b_in w pos b0.
Theorem ssa_layer_slope z T : 0 < b -> 0 < n -> (forall k, (k < H)%nat -> score_sign d dh WQ WK w_in k <> 0) ->
  (forall j, (j <= T)%nat -> z j <> 0) ->
  tends (fun tau => ssa_layer (fun t => tau * z t) T / tau)
    (dot d w w_in * z T + sum H (fun k => head_gain d OV w_in w k * lehmer n (S T) (score_sign d dh WQ WK w_in k * z T) z)).
Proof.
  intros Hb Hn HA Hz. apply (any_layer_slope d H hd w_in b_in w pos b0 z T (fun k => lehmer n (S T) (score_sign d dh WQ WK w_in k * z T) z)).
  intros k Hk. set (q := add (mv d (WQ k) (add b_in (pos T))) (bQ k)). set (key := fun j => add (mv d (WK k) (add b_in (pos j))) (bK k)).
  set (bb := fun j => (z T * dot dh (mv d (WQ k) w_in) (key j) + z j * dot dh q (mv d (WK k) w_in)) / sqrt (INR dh)).
  set (cc := fun j => dot dh q (key j) / sqrt (INR dh)). set (a := score_sign d dh WQ WK w_in k * z T).
  apply (tends_ext (fun tau => dot (S T) (normalised (S T) (fun j => ssa b n (tau * tau * (a * z j) + tau * bb j + cc j))) z)).
  - intros tau. apply dot_ext; auto. intros j Hj. apply normalised_ext; auto. intros i _. now rewrite (score_form d dh WQ WK bQ bK).
  - apply ssa_lehmer; auto; [lia| |intros; apply Hz; lia]. apply Rmult_integral_contrapositive_currified; auto.
Qed.
End SsaLayer.
