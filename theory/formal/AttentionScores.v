(* What LayerNorm does to attention scores. S4: their range over the keys is bounded by the weights, so attention must spread over long
   contexts. For N4 and N5: softmax moves by at most the scores' change, and scores are Lipschitz in the normalised stream. *)
From ICL Require Export Blocks.

(* ------------------------------------------------------------------ softmax, l1 against l-infinity *)
Lemma tanh_le s : 0 <= s -> (exp s - 1) / (exp s + 1) <= s / 2.
Proof.
  intros Hs. pose proof (exp_pos s) as E. apply Rmult_le_reg_r with (exp s + 1); [lra|].
  replace ((exp s - 1) / (exp s + 1) * (exp s + 1)) with (exp s - 1) by (field; lra).
  set (f := fun u => 2 + u - (2 - u) * exp u). enough (0 <= f s) by (unfold f in *; lra).
  destruct Hs as [Hs|<-]; [|unfold f; rewrite exp_0; lra].
  assert (D : forall u, derivable_pt_lim f u (1 - (1 - u) * exp u)).
  { intros u. unfold f. replace (1 - (1 - u) * exp u) with ((0 + 1) - ((0 - 1) * exp u + (2 - u) * exp u)) by ring.
    apply (derivable_pt_lim_minus (fun u => 2 + u) (fun u => (2 - u) * exp u)).
    - apply (derivable_pt_lim_plus (fct_cte 2) id); [apply derivable_pt_lim_const|apply derivable_pt_lim_id].
    - apply (derivable_pt_lim_mult (fun u => 2 - u) exp); [|apply derivable_pt_lim_exp].
      apply (derivable_pt_lim_minus (fct_cte 2) id); [apply derivable_pt_lim_const|apply derivable_pt_lim_id]. }
  destruct (MVT_cor2 f _ 0 s Hs ltac:(intros; apply D)) as [c [Ef Hc]].
  assert (F0 : f 0 = 0) by (unfold f; rewrite exp_0; ring). rewrite F0 in Ef.
  assert (0 <= 1 - (1 - c) * exp c).
  { pose proof (exp_ineq1_le (- c)) as Q. pose proof (exp_pos c). apply (Rmult_le_compat_r (exp c)) in Q; [|lra].
    rewrite <- exp_plus, Rplus_opp_l, exp_0 in Q. lra. }
  nra.
Qed.
(* of two probabilities whose odds differ by at most e^(2 s) *)
Lemma odds a b s : 0 <= s -> 0 <= b <= 1 -> 0 <= a <= 1 -> a * (1 - b) <= exp (2 * s) * (b * (1 - a)) -> a - b <= s / 2.
Proof.
  intros Hs Hb Ha H. eapply Rle_trans; [|now apply tanh_le]. replace (2 * s) with (s + s) in H by ring. rewrite exp_plus in H.
  assert (E : 1 <= exp s) by (rewrite <- exp_0; now apply exp_le). set (e := exp s) in *.
  apply Rmult_le_reg_r with (e + 1); [lra|]. replace ((e - 1) / (e + 1) * (e + 1)) with (e - 1) by (field; lra).
  assert (E2 : 1 <= e * e) by nra. assert (Q : 0 < 1 - b + e * e * b) by nra.
  apply Rmult_le_reg_r with (1 - b + e * e * b); auto.
  apply Rle_trans with (b * (1 - b) * (e * e - 1) * (e + 1)); [nra|].
  pose proof (Rle_0_sqr (b * e - (1 - b))) as S. unfold Rsqr in S. nra.
Qed.
Theorem softmax_l1 n s s' del : (0 < n)%nat -> (forall j, (j < n)%nat -> Rabs (s j - s' j) <= del) ->
  sum n (fun j => Rabs (softmax n s j - softmax n s' j)) <= del.
Proof.
  intros Hn H. set (p := softmax n s). set (p' := softmax n s').
  assert (D0 : 0 <= del) by (specialize (H O Hn); pose proof (Rabs_pos (s O - s' O)); lra).
  destruct (softmax_stochastic n s Hn) as [Pp Ps]. destruct (softmax_stochastic n s' Hn) as [Pp' Ps']. fold p in Pp, Ps. fold p' in Pp', Ps'.
  set (A := fun j => if Rle_dec (p' j) (p j) then 1 else 0). set (a := sum n (fun j => A j * p j)). set (b := sum n (fun j => A j * p' j)).
  assert (A01 : forall j, A j = 0 \/ A j = 1) by (intros; unfold A; destruct (Rle_dec (p' j) (p j)); auto).
  assert (E : sum n (fun j => Rabs (p j - p' j)) = 2 * (a - b)).
  { assert (T : sum n (fun j => p j + -1 * p' j) = 0) by (rewrite (sum_ext n _ (fun j => 1 * p j + -1 * p' j)) by (intros; ring); rewrite sum_lin, Ps, Ps'; ring).
    replace (2 * (a - b)) with (2 * a + -2 * b - sum n (fun j => p j + -1 * p' j)) by (rewrite T; ring). unfold a, b.
    replace (2 * sum n (fun j => A j * p j) + -2 * sum n (fun j => A j * p' j) - sum n (fun j => p j + -1 * p' j))
      with (1 * (2 * sum n (fun j => A j * p j) + -2 * sum n (fun j => A j * p' j)) + -1 * sum n (fun j => p j + -1 * p' j)) by ring.
    rewrite <- !sum_lin. apply sum_ext. intros j _. unfold A. destruct (Rle_dec (p' j) (p j)); [rewrite Rabs_right by lra|rewrite Rabs_left by lra]; ring. }
  assert (Ba : 0 <= a <= 1).
  { unfold a. split; [apply sum_nonneg|rewrite <- Ps; apply sum_le]; intros j Hj; specialize (Pp j Hj); destruct (A01 j) as [-> | ->]; lra. }
  assert (Bb : 0 <= b <= 1).
  { unfold b. split; [apply sum_nonneg|rewrite <- Ps'; apply sum_le]; intros j Hj; specialize (Pp' j Hj); destruct (A01 j) as [-> | ->]; lra. }
  rewrite E. enough (a - b <= del / 2) by lra. apply odds; auto.
  assert (C1 : 1 - b = sum n (fun k => (1 - A k) * p' k)).
  { unfold b. transitivity (1 * sum n p' + -1 * sum n (fun j => A j * p' j)); [rewrite Ps'; ring|]. rewrite <- sum_lin. apply sum_ext. intros. ring. }
  assert (C2 : 1 - a = sum n (fun k => (1 - A k) * p k)).
  { unfold a. transitivity (1 * sum n p + -1 * sum n (fun j => A j * p j)); [rewrite Ps; ring|]. rewrite <- sum_lin. apply sum_ext. intros. ring. }
  rewrite C1, C2. unfold a, b. rewrite !sum_product, <- sum_scal. apply sum_le. intros j Hj. rewrite <- sum_scal. apply sum_le. intros k Hk.
  assert (W : p j * p' k <= exp (2 * del) * (p' j * p k)).
  { unfold p, p', softmax. pose proof (sum_exp_pos n s Hn) as Z1. pose proof (sum_exp_pos n s' Hn) as Z2.
    set (Z := sum n (fun i => exp (s i))) in *. set (Z' := sum n (fun i => exp (s' i))) in *.
    assert (I : 0 < / Z * / Z') by (apply Rmult_lt_0_compat; now apply Rinv_0_lt_compat).
    replace (exp (s j) / Z * (exp (s' k) / Z')) with (exp (s j + s' k) * (/ Z * / Z')) by (rewrite exp_plus; field; lra).
    replace (exp (2 * del) * (exp (s' j) / Z' * (exp (s k) / Z))) with (exp (2 * del + (s' j + s k)) * (/ Z * / Z')) by (rewrite !exp_plus; field; lra).
    apply Rmult_le_compat_r; [lra|]. apply exp_le. pose proof (abs_inv _ _ (H j Hj)). pose proof (abs_inv _ _ (H k Hk)). lra. }
  assert (A0 : 0 <= A j * (1 - A k)) by (destruct (A01 j) as [-> | ->]; destruct (A01 k) as [-> | ->]; lra).
  replace (A j * p j * ((1 - A k) * p' k)) with (A j * (1 - A k) * (p j * p' k)) by ring.
  replace (exp (2 * del) * (A j * p' j * ((1 - A k) * p k))) with (A j * (1 - A k) * (exp (2 * del) * (p' j * p k))) by ring.
  now apply Rmult_le_compat_l.
Qed.

(* ------------------------------------------------------------------ scores of a normalised stream *)
Section Scores.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < D. Proof. apply lt_0_INR, d_pos. Qed.
Local Notation P := (P d).
Variables (g b : vec) (dh : nat) (WQ : mat) (bQ : vec) (WK : mat) (bK : vec).
Local Notation score := (qk_score d dh WQ bQ WK bK).
(* what the keys are compared with: B z + q for a normalised query z; key bias and W_K b are the same for every key and drop out *)
Definition pull (x : vec) : vec := fun i => g i * transposed dh WK x i / sqrt (INR dh).
Definition bilinear (z : vec) : vec := pull (mv d WQ (mul g z)).
Definition constant_pull : vec := pull (add (mv d WQ b) bQ).
Variables (beta kappa : R).
Hypothesis beta_ok : forall z, sum d z = 0 -> norm d (P (bilinear z)) <= beta * norm d z.
Hypothesis kappa_ok : norm d (P constant_pull) <= kappa.
Hypothesis beta_pos : 0 <= beta.
Definition affine (z : vec) : vec := fun i => g i * z i + b i.

Lemma pull_dot x z : dot dh x (mv d WK (mul g z)) / sqrt (INR dh) = dot d (pull x) z.
Proof.
  rewrite dot_mv. unfold pull, dot at 1 2, Rdiv. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. unfold mul. ring.
Qed.
Lemma pull_lin a c x y i : pull (fun l => a * x l + c * y l) i = a * pull x i + c * pull y i.
Proof. unfold pull, transposed. rewrite dot_lin_r. unfold Rdiv. ring. Qed.
Lemma pull_ext x y i : (forall l, x l = y l) -> pull x i = pull y i.
Proof. intros H. unfold pull, transposed. now rewrite (dot_ext dh _ x (fun i0 => WK i0 i) y) by auto. Qed.
Lemma mv_affine (A : mat) c z i : add (mv d A (affine z)) c i = 1 * mv d A (mul g z) i + 1 * add (mv d A b) c i.
Proof.
  unfold add, mv, affine. rewrite (dot_ext d (A i) _ (A i) (fun i => 1 * mul g z i + 1 * b i)) by (intros; auto; unfold mul; ring).
  rewrite dot_lin_r. ring.
Qed.
Lemma score_form (z : stream) t j : score (fun t => affine (z t)) t j
  = dot d (add (bilinear (z t)) constant_pull) (z j) + dot dh (add (mv d WQ (affine (z t))) bQ) (add (mv d WK b) bK) / sqrt (INR dh).
Proof.
  unfold qk_score. set (x := add (mv d WQ (affine (z t))) bQ).
  rewrite (dot_ext dh x _ x (fun i => 1 * mv d WK (mul g (z j)) i + 1 * add (mv d WK b) bK i)) by (intros; auto; apply mv_affine).
  rewrite dot_lin_r. replace ((1 * dot dh x (mv d WK (mul g (z j))) + 1 * dot dh x (add (mv d WK b) bK)) / sqrt (INR dh))
    with (dot dh x (mv d WK (mul g (z j))) / sqrt (INR dh) + dot dh x (add (mv d WK b) bK) / sqrt (INR dh)) by (unfold Rdiv; ring).
  rewrite pull_dot. f_equal. apply dot_ext; auto. intros i _.
  rewrite (pull_ext x (fun l => 1 * mv d WQ (mul g (z t)) l + 1 * add (mv d WQ b) bQ l)) by (intros; apply mv_affine).
  rewrite pull_lin. unfold add at 2, bilinear, constant_pull. ring.
Qed.
(* the same with LayerNorm's normalised vectors *)
Definition normalised (z : stream) := forall t, sum d (z t) = 0 /\ norm d (z t) <= sqrt D.
Lemma LN_normalised eps (h : stream) : 0 <= eps -> normalised (fun t => LN d eps (h t)).
Proof. intros He t. split; [now apply LN_sum|now apply LN_norm_le]. Qed.
Lemma zero_sum_dot u z : sum d z = 0 -> Rabs (dot d u z) <= norm d (P u) * norm d z.
Proof. intros Hz. rewrite (dot_sym d u z), <- (dot_P d z u Hz), Rmult_comm. apply cauchy_norm. Qed.
Lemma pull_bound z : sum d z = 0 -> norm d z <= sqrt D -> norm d (P (add (bilinear z) constant_pull)) <= sqrt D * beta + kappa.
Proof.
  intros Hz Hn. eapply Rle_trans; [now apply normP_add|]. specialize (beta_ok z Hz). rewrite (Rmult_comm (sqrt D)).
  assert (beta * norm d z <= beta * sqrt D) by now apply Rmult_le_compat_l. lra.
Qed.

(* S4: the range of the scores of any query over any two keys *)
Theorem score_range (z : stream) t j k : normalised z ->
  score (fun t => affine (z t)) t j - score (fun t => affine (z t)) t k <= 2 * sqrt D * (sqrt D * beta + kappa).
Proof.
  intros Hz. rewrite !score_form. set (u := add (bilinear (z t)) constant_pull). destruct (Hz t) as [T1 T2].
  pose proof (pull_bound (z t) T1 T2) as B. fold u in B. pose proof (norm_pos d (P u)). pose proof (sqrt_pos D).
  assert (A : forall j, Rabs (dot d u (z j)) <= sqrt D * (sqrt D * beta + kappa)).
  { intros i. destruct (Hz i) as [I1 I2]. eapply Rle_trans; [apply zero_sum_dot; auto|]. rewrite Rmult_comm. apply Rmult_le_compat; auto. apply norm_pos. }
  pose proof (abs_inv _ _ (A j)). pose proof (abs_inv _ _ (A k)). lra.
Qed.
Theorem normalised_dispersion OV bV (z : stream) t j : normalised z -> (j <= t)%nat ->
  weights (softmax_head score OV bV) (fun t => affine (z t)) t j
  <= / (1 + (INR (S t) - 1) * exp (- (2 * sqrt D * (sqrt D * beta + kappa)))).
Proof. intros Hz Hj. apply softmax_weight; [lia|]. intros. now apply score_range. Qed.
(* to keep all but a share eta on one token, the context must be short *)
Theorem sharp_context OV bV (z : stream) t j eta : normalised z -> (j <= t)%nat -> 0 < eta < 1 ->
  1 - eta <= weights (softmax_head score OV bV) (fun t => affine (z t)) t j ->
  INR (S t) <= 1 + exp (2 * sqrt D * (sqrt D * beta + kappa)) * (eta / (1 - eta)).
Proof.
  intros Hz Hj He Hw. pose proof (normalised_dispersion OV bV z t j Hz Hj) as W. set (del := 2 * sqrt D * (sqrt D * beta + kappa)) in *.
  rewrite exp_Ropp in W. pose proof (exp_pos del) as Ed. set (e := exp del) in *. assert (N : 0 <= INR (S t) - 1) by (rewrite S_INR; pose proof (pos_INR t); lra).
  assert (Q : 0 < 1 + (INR (S t) - 1) * / e). { assert (0 <= (INR (S t) - 1) * / e) by (apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]). lra. }
  assert (X : (1 - eta) * (1 + (INR (S t) - 1) * / e) <= 1).
  { apply Rle_trans with (/ (1 + (INR (S t) - 1) * / e) * (1 + (INR (S t) - 1) * / e)); [apply Rmult_le_compat_r; lra|rewrite Rinv_l; lra]. }
  apply Rmult_le_reg_r with ((1 - eta) * / e); [apply Rmult_lt_0_compat; [lra|now apply Rinv_0_lt_compat]|].
  replace ((1 + e * (eta / (1 - eta))) * ((1 - eta) * / e)) with ((1 - eta) * / e + eta) by (field; lra). lra.
Qed.

(* two streams: up to a shift common to all keys the scores move by (2 sqrt d beta + kappa) times the streams' distance *)
Lemma bilinear_sub z z' i : bilinear z i - bilinear z' i = bilinear (fun i => 1 * z i + -1 * z' i) i.
Proof.
  unfold bilinear. rewrite (pull_ext (mv d WQ (mul g (fun i => 1 * z i + -1 * z' i))) (fun l => 1 * mv d WQ (mul g z) l + -1 * mv d WQ (mul g z') l)).
  - rewrite pull_lin. ring.
  - intros l. unfold mv. rewrite <- dot_lin_r. apply dot_ext; auto. intros. unfold mul. ring.
Qed.
Theorem score_lipschitz (z z' : stream) t j del : normalised z -> normalised z' ->
  norm d (fun i => 1 * z t i + -1 * z' t i) <= del -> norm d (fun i => 1 * z j i + -1 * z' j i) <= del ->
  Rabs (dot d (add (bilinear (z t)) constant_pull) (z j) - dot d (add (bilinear (z' t)) constant_pull) (z' j)) <= (2 * sqrt D * beta + kappa) * del.
Proof.
  intros Hz Hz' Ht Hj. set (u := add (bilinear (z t)) constant_pull). set (u' := add (bilinear (z' t)) constant_pull).
  set (dt := fun i => 1 * z t i + -1 * z' t i) in *. set (dj := fun i => 1 * z j i + -1 * z' j i) in *.
  destruct (Hz t) as [T1 T2]. destruct (Hz' t) as [T1' T2']. destruct (Hz j) as [J1 J2]. destruct (Hz' j) as [J1' J2'].
  assert (Sdt : sum d dt = 0) by (unfold dt; rewrite sum_lin, T1, T1'; ring). assert (Sdj : sum d dj = 0) by (unfold dj; rewrite sum_lin, J1, J1'; ring).
  assert (E : dot d u (z j) - dot d u' (z' j) = dot d u dj + dot d (bilinear dt) (z' j)).
  { unfold dj. rewrite dot_lin_r. rewrite (dot_ext d (bilinear dt) (z' j) (fun i => 1 * u i + -1 * u' i) (z' j)).
    - rewrite dot_lin. ring.
    - intros i _. unfold dt. rewrite <- bilinear_sub. unfold u, u', add. ring.
    - auto. }
  rewrite E. eapply Rle_trans; [apply Rabs_triang|]. pose proof (sqrt_pos D) as SD. pose proof (norm_pos d dt). pose proof (norm_pos d dj).
  pose proof (zero_sum_dot u dj Sdj) as A. pose proof (zero_sum_dot (bilinear dt) (z' j) J1') as B.
  pose proof (pull_bound (z t) T1 T2) as C. fold u in C. specialize (beta_ok dt Sdt).
  pose proof (norm_pos d (P u)). pose proof (norm_pos d (P (bilinear dt))). pose proof (norm_pos d (z' j)).
  assert (X1 : norm d (P u) * norm d dj <= (sqrt D * beta + kappa) * del) by (apply Rmult_le_compat; auto).
  assert (X2 : norm d (P (bilinear dt)) * norm d (z' j) <= (beta * del) * sqrt D).
  { apply Rmult_le_compat; auto. eapply Rle_trans; [exact beta_ok|]. now apply Rmult_le_compat_l. }
  lra.
Qed.
Theorem pattern_lipschitz (z z' : stream) t del : normalised z -> normalised z' ->
  (forall s, (s <= t)%nat -> norm d (fun i => 1 * z s i + -1 * z' s i) <= del) ->
  sum (S t) (fun j => Rabs (softmax (S t) (score (fun t => affine (z t)) t) j - softmax (S t) (score (fun t => affine (z' t)) t) j)) <= (2 * sqrt D * beta + kappa) * del.
Proof.
  intros Hz Hz' H. set (c := fun z : stream => dot dh (add (mv d WQ (affine (z t))) bQ) (add (mv d WK b) bK) / sqrt (INR dh)).
  set (s := fun (z : stream) j => dot d (add (bilinear (z t)) constant_pull) (z j)).
  assert (E : forall z j, (j < S t)%nat -> softmax (S t) (score (fun t => affine (z t)) t) j = softmax (S t) (s z) j).
  { intros y j Hj. rewrite <- (softmax_shift (S t) (s y) (c y) j) by lia. unfold softmax. rewrite score_form. fold (s y j) (c y). f_equal.
    apply sum_ext. intros k _. rewrite score_form. reflexivity. }
  rewrite (sum_ext (S t) _ (fun j => Rabs (softmax (S t) (s z) j - softmax (S t) (s z') j))) by (intros; rewrite !E by auto; auto).
  apply softmax_l1; [lia|]. intros j Hj. unfold s. apply score_lipschitz; auto; apply H; lia.
Qed.
End Scores.
