(* G4's activations: a straight line at either end, reached exponentially, and no jump. ReLU, leaky ReLU, SiLU, GELU in its tanh
   form, tanh, sigmoid, the identity. *)
From ICL Require Export Fast Norms.

Definition lined act := (exists k i, fast (fun u => act u - (k * u + i))) /\ (exists k i, fast (fun u => act (- u) - (k * u + i))) /\
  forall v, exists L del, 0 < del /\ forall u, Rabs (u - v) <= del -> Rabs (act u - act v) <= L * Rabs (u - v).
Lemma lined_rises act : lined act -> exists k i, forall f, rises f -> fast (fun t => act (f t) - (k * f t + i)).
Proof. intros [[k [i H]] _]. exists k, i. intros f Hf. now apply (fast_after (fun u => act u - (k * u + i))). Qed.
Lemma lined_falls act : lined act -> exists k i, forall f, falls f -> fast (fun t => act (f t) - (k * f t + i)).
Proof.
  intros [_ [[k [i H]] _]]. exists (- k), i. intros f Hf. apply falls_rises in Hf. apply (fast_ext _ _ (fast_after _ _ H Hf)).
  intros t. rewrite Ropp_involutive. ring.
Qed.
Lemma lined_still act f v : lined act -> fast (fun t => f t - v) -> fast (fun t => act (f t) - act v).
Proof.
  intros [_ [_ H]] Hf. destruct (H v) as [L [del [D HL]]]. destruct (fast_small _ del Hf D) as [T HT].
  apply (fast_le (fun t => L * (f t - v)) _ T); [now apply fast_scal|]. intros t Ht. specialize (HT t Ht).
  eapply Rle_trans; [now apply HL|]. rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|apply Rle_abs].
Qed.

(* ------------------------------------------------------------------ the usual ones *)
Lemma smooth_no_jump act v D : derivable_pt_lim act v D -> exists L del, 0 < del /\ forall u, Rabs (u - v) <= del ->
  Rabs (act u - act v) <= L * Rabs (u - v).
Proof.
  intros H. destruct (H 1 ltac:(lra)) as [del Hd]. pose proof (cond_pos del). exists (Rabs D + 1), (del / 2). split; [lra|]. intros u Hu.
  destruct (Req_dec (u - v) 0) as [E|N].
  - replace u with v by lra. rewrite !Rminus_eq_0, Rabs_R0. lra.
  - specialize (Hd (u - v) N ltac:(lra)). replace (v + (u - v)) with u in Hd by ring.
    replace (act u - act v) with (((act u - act v) / (u - v) - D + D) * (u - v)) by (field; auto). rewrite Rabs_mult.
    apply Rmult_le_compat_r; [apply Rabs_pos|]. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.
Lemma rest_fast k (g : R -> R) : 0 < k -> (forall u, 1 <= u -> Rabs (g u) <= u * exp (- (k * u))) -> fast g.
Proof.
  intros Hk H. apply (fast_le (fun u => u * exp (- (k * u))) _ 1); [apply fast_tau, fast_decay; auto|]. intros u Hu.
  rewrite (Rabs_right (u * _)); auto. apply Rle_ge, Rmult_le_pos; [lra|left; apply exp_pos].
Qed.
Theorem leaky_lined s : lined (fun u => if Rle_dec 0 u then u else s * u).
Proof.
  split; [|split].
  - exists 1, 0. apply (fast_le (fun _ => 0) _ 0); [apply fast_zero|]. intros u Hu. destruct (Rle_dec 0 u); [|lra].
    replace (u - (1 * u + 0)) with 0 by ring. lra.
  - exists (- s), 0. apply (fast_le (fun _ => 0) _ 1); [apply fast_zero|]. intros u Hu. destruct (Rle_dec 0 (- u)); [lra|].
    replace (s * - u - (- s * u + 0)) with 0 by ring. lra.
  - intros v. exists (1 + Rabs s), 1. split; [lra|]. intros u _. pose proof (Rabs_pos s). pose proof (Rabs_pos (u - v)).
    assert (S : Rabs (s * u - s * v) = Rabs s * Rabs (u - v)) by (rewrite <- Rmult_minus_distr_l; apply Rabs_mult).
    assert (B : forall p q, 0 <= p -> q < 0 -> Rabs (p - s * q) <= (1 + Rabs s) * Rabs (p - q)).
    { intros p q Hp Hq. rewrite (Rabs_right (p - q)) by lra. replace (p - s * q) with (p + s * (- q)) by ring. eapply Rle_trans; [apply Rabs_triang|].
      rewrite Rabs_mult, (Rabs_right p), (Rabs_right (- q)) by lra. nra. }
    destruct (Rle_dec 0 u) as [U|U], (Rle_dec 0 v) as [V|V]; [nra|apply B; lra| |nra].
    rewrite <- Rabs_Ropp, <- (Rabs_Ropp (u - v)). replace (- (s * u - v)) with (v - s * u) by ring. replace (- (u - v)) with (v - u) by ring.
      apply B; lra.
Qed.
Theorem relu_lined : lined (Rmax 0).
Proof.
  assert (E : forall u, Rmax 0 u = (if Rle_dec 0 u then u else 0 * u)).
  { intros u. destruct (Rle_dec 0 u); [apply Rmax_right|rewrite Rmax_left]; lra. }
  destruct (leaky_lined 0) as [[k [i A]] [[k' [i' B]] C]]. split; [|split].
  - exists k, i. apply (fast_ext _ _ A). intros. now rewrite E.
  - exists k', i'. apply (fast_ext _ _ B). intros. now rewrite E.
  - intros v. destruct (C v) as [L [del [D H]]]. exists L, del. split; auto. intros u Hu. rewrite !E. auto.
Qed.
Theorem silu_lined : lined (fun u => u / (1 + exp (- u))).
Proof.
  assert (Ex : forall u, exp (- u) * exp u = 1) by (intros; rewrite <- exp_plus, Rplus_opp_l; apply exp_0).
  split; [|split].
  - exists 1, 0. apply (rest_fast 1); [lra|]. intros u Hu. pose proof (exp_pos (- u)). rewrite Rmult_1_l.
    replace (u / (1 + exp (- u)) - (u + 0)) with (- (u * exp (- u) * / (1 + exp (- u)))) by (field; lra).
    assert (I : 0 < / (1 + exp (- u)) <= 1) by (split; [apply Rinv_0_lt_compat; lra|rewrite <- Rinv_1; apply Rinv_le_contravar; lra]).
    assert (0 < u * exp (- u)) by nra. rewrite Rabs_Ropp, Rabs_right by nra. nra.
  - exists 0, 0. apply (rest_fast 1); [lra|]. intros u Hu. pose proof (exp_pos u). rewrite Ropp_involutive, Rmult_1_l, exp_Ropp.
    replace (- u / (1 + exp u) - (0 * u + 0)) with (- (u * / (1 + exp u))) by (field; lra).
    assert (I : 0 < / (1 + exp u) <= / exp u) by (split; [apply Rinv_0_lt_compat; lra|apply Rinv_le_contravar; lra]).
    rewrite Rabs_Ropp, Rabs_right by nra. nra.
  - intros v. pose proof (exp_pos (- v)). assert (D : derivable_pt (fun u => u / (1 + exp (- u))) v) by (reg; lra).
    destruct D as [l D]. exact (smooth_no_jump (fun u => u / (1 + exp (- u))) v l D).
Qed.
Theorem tanh_lined : lined tanh.
Proof.
  assert (W : forall u, 1 <= u -> Rabs (tanh u - 1) <= u * exp (- (1 * u))).
  { intros u Hu. eapply Rle_trans; [apply tanh_end|]. rewrite Rmult_1_l. replace (- (2 * u)) with (- u + - u) by ring. rewrite exp_plus.
    pose proof (exp_pos (- u)). pose proof (exp_neg_le u ltac:(lra)) as E. assert (/ u <= 1) by (rewrite <- Rinv_1; apply Rinv_le_contravar; lra).
    pose proof (exp_ineq1 u ltac:(lra)). assert (exp (- u) <= 1 / 2).
    { rewrite exp_Ropp. replace (1 / 2) with (/ 2) by field. apply Rinv_le_contravar; lra. } nra. }
  split; [|split].
  - exists 0, 1. apply (rest_fast 1); [lra|]. intros u Hu. replace (tanh u - (0 * u + 1)) with (tanh u - 1) by ring. now apply W.
  - exists 0, (-1). apply (rest_fast 1); [lra|]. intros u Hu. rewrite tanh_odd. replace (- tanh u - (0 * u + -1)) with (- (tanh u - 1)) by ring.
    rewrite Rabs_Ropp. now apply W.
  - intros v. exists 1, 1. split; [lra|]. intros u _. rewrite Rmult_1_l. apply tanh_lipschitz.
Qed.
Theorem gelu_lined c1 c3 : 0 < c1 -> 0 <= c3 -> lined (fun u => u / 2 * (1 + tanh (c1 * u + c3 * (u * u * u)))).
Proof.
  intros H1 H3. set (y := fun u => c1 * u + c3 * (u * u * u)).
  assert (W : forall u, 1 <= u -> Rabs (u / 2 * (tanh (y u) - 1)) <= u * exp (- (2 * c1 * u))).
  { intros u Hu. rewrite Rabs_mult, (Rabs_right (u / 2)) by lra. assert (E : Rabs (tanh (y u) - 1) <= 2 * exp (- (2 * c1 * u))).
    { eapply Rle_trans; [apply tanh_end|]. apply Rmult_le_compat_l; [lra|]. apply exp_le. unfold y.
      assert (0 <= c3 * (u * u * u)) by (apply Rmult_le_pos; nra). lra. }
    pose proof (Rabs_pos (tanh (y u) - 1)). nra. }
  split; [|split].
  - exists 1, 0. apply (rest_fast (2 * c1)); [lra|]. intros u Hu. fold (y u). replace (u / 2 * (1 + tanh (y u)) - (1 * u + 0))
    with (u / 2 * (tanh (y u) - 1)) by field. now apply W.
  - exists 0, 0. apply (rest_fast (2 * c1)); [lra|]. intros u Hu. replace (c1 * - u + c3 * (- u * - u * - u)) with (- y u) by (unfold y; ring).
    rewrite tanh_odd.
    replace (- u / 2 * (1 + - tanh (y u)) - (0 * u + 0)) with (u / 2 * (tanh (y u) - 1)) by field. now apply W.
  - intros v. assert (Dy : derivable_pt y v) by (unfold y; reg). destruct Dy as [l Dy].
    pose proof (derivable_pt_lim_comp y tanh v l _ Dy (tanh_derivative (y v))) as Dt. set (m := / (cosh (y v) * cosh (y v)) * l) in *.
    pose (q := (mult_real_fct (/ 2) id * (fct_cte 1 + comp tanh y))%F).
    apply (smooth_no_jump (fun u => u / 2 * (1 + tanh (y u))) v (/ 2 * 1 * (1 + tanh (y v)) + / 2 * v * (0 + m))).
    assert (Dq : derivable_pt_lim q v (/ 2 * 1 * (1 + tanh (y v)) + / 2 * v * (0 + m))).
    { apply (derivable_pt_lim_mult (mult_real_fct (/ 2) id) (fct_cte 1 + comp tanh y)%F).
      - apply derivable_pt_lim_scal, derivable_pt_lim_id.
      - apply derivable_pt_lim_plus; [apply derivable_pt_lim_const|auto]. }
    intros e He. destruct (Dq e He) as [del Hd]. exists del. intros h Hh Hs. specialize (Hd h Hh Hs).
    unfold q, mult_real_fct, mult_fct, plus_fct, fct_cte, comp, id in Hd. fold (y (v + h)) (y v).
    replace (((v + h) / 2 * (1 + tanh (y (v + h))) - v / 2 * (1 + tanh (y v))) / h) with
      ((/ 2 * (v + h) * (1 + tanh (y (v + h))) - / 2 * v * (1 + tanh (y v))) / h) by (field; auto). exact Hd.
Qed.
Theorem id_lined : lined (fun u => u).
Proof.
  split; [|split].
  - exists 1, 0. apply (fast_ext (fun _ => 0)); [apply fast_zero|intros; ring].
  - exists (-1), 0. apply (fast_ext (fun _ => 0)); [apply fast_zero|intros; ring].
  - intros v. exists 1, 1. split; [lra|]. intros. lra.
Qed.
Theorem sigmoid_lined : lined (fun u => / (1 + exp (- u))).
Proof.
  assert (W : forall u, 1 <= u -> 0 < / (1 + exp u) <= u * exp (- (1 * u))).
  { intros u Hu. pose proof (exp_pos u). rewrite Rmult_1_l, exp_Ropp. split; [apply Rinv_0_lt_compat; lra|].
    apply Rle_trans with (/ exp u); [apply Rinv_le_contravar; lra|]. assert (0 < / exp u) by (apply Rinv_0_lt_compat; lra). nra. }
  split; [|split].
  - exists 0, 1. apply (rest_fast 1); [lra|]. intros u Hu. pose proof (exp_pos u). rewrite exp_Ropp at 1.
    replace (/ (1 + / exp u) - (0 * u + 1)) with (- / (1 + exp u)) by (field; lra). rewrite Rabs_Ropp. specialize (W u Hu). rewrite Rabs_right; lra.
  - exists 0, 0. apply (rest_fast 1); [lra|]. intros u Hu. rewrite Ropp_involutive. replace (/ (1 + exp u) - (0 * u + 0)) with (/ (1 + exp u)) by ring.
    specialize (W u Hu). rewrite Rabs_right; lra.
  - intros v. pose proof (exp_pos (- v)). assert (D : derivable_pt (fun u => / (1 + exp (- u))) v) by (reg; lra).
    destruct D as [l D]. exact (smooth_no_jump (fun u => / (1 + exp (- u))) v l D).
Qed.
