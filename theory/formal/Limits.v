(* Limits as a scale tau grows: what N6, N7, G3 and G5 are stated in. *)
From ICL Require Export Vectors.

Definition tends (F : R -> R) L := forall e, 0 < e -> exists T, forall tau, T <= tau -> Rabs (F tau - L) < e.
Lemma tends_const c : tends (fun _ => c) c.
Proof. intros e He. exists 0. intros. rewrite Rminus_eq_0, Rabs_R0. auto. Qed.
Lemma tends_add F G L M : tends F L -> tends G M -> tends (fun tau => F tau + G tau) (L + M).
Proof.
  intros HF HG e He. destruct (HF (e / 2)) as [T1 H1]; [lra|]. destruct (HG (e / 2)) as [T2 H2]; [lra|].
  exists (Rmax T1 T2). intros tau Ht. pose proof (Rmax_l T1 T2). pose proof (Rmax_r T1 T2).
  specialize (H1 tau ltac:(lra)). specialize (H2 tau ltac:(lra)).
  replace (F tau + G tau - (L + M)) with ((F tau - L) + (G tau - M)) by ring. eapply Rle_lt_trans; [apply Rabs_triang|]. lra.
Qed.
Lemma tends_scal c F L : tends F L -> tends (fun tau => c * F tau) (c * L).
Proof.
  intros HF e He. pose proof (Rabs_pos c). destruct (HF (e / (Rabs c + 1))) as [T H1].
  { apply Rmult_lt_0_compat; [auto|apply Rinv_0_lt_compat; lra]. }
  exists T. intros tau Ht. specialize (H1 tau Ht). rewrite <- Rmult_minus_distr_l, Rabs_mult.
  pose proof (Rabs_pos (F tau - L)). apply (Rmult_lt_compat_r (Rabs c + 1)) in H1; [|lra].
  unfold Rdiv in H1. rewrite Rmult_assoc, Rinv_l in H1 by lra. nra.
Qed.
Lemma tends_sum n (F : nat -> R -> R) L : (forall k, (k < n)%nat -> tends (F k) (L k)) ->
  tends (fun tau => sum n (fun k => F k tau)) (sum n L).
Proof.
  induction n; intros H; [apply (tends_const 0)|].
  apply (tends_add (fun tau => sum n (fun k => F k tau)) (F n)); [apply IHn; auto|apply H; auto].
Qed.
Lemma tends_over F B : (forall tau, Rabs (F tau) <= B) -> tends (fun tau => F tau / tau) 0.
Proof.
  intros H e He. assert (B0 : 0 <= B) by (specialize (H 0); pose proof (Rabs_pos (F 0)); lra).
  assert (Q : 0 <= B / e) by (apply Rmult_le_pos; [auto|left; now apply Rinv_0_lt_compat]).
  exists (1 + B / e). intros tau Ht. assert (Pt : 0 < tau) by lra. rewrite Rminus_0_r. unfold Rdiv.
  rewrite Rabs_mult, (Rabs_right (/ tau)) by (apply Rle_ge; left; now apply Rinv_0_lt_compat).
  apply Rmult_lt_reg_r with tau; auto. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. specialize (H tau).
  assert (B < e * tau); [|lra]. assert (B / e < tau) by lra. apply (Rmult_lt_compat_r e) in H0; auto.
  unfold Rdiv in H0. rewrite Rmult_assoc, Rinv_l in H0 by lra. lra.
Qed.
Lemma tends_eventually F G L : (forall tau, 0 < tau -> F tau = G tau) -> tends F L -> tends G L.
Proof.
  intros E H e He. destruct (H e He) as [T HT]. exists (Rmax T 1). intros tau Ht.
  pose proof (Rmax_l T 1). pose proof (Rmax_r T 1). rewrite <- E by lra. apply HT. lra.
Qed.
Lemma tends_unique F L M : tends F L -> tends F M -> L = M.
Proof.
  intros HL HM. destruct (Req_dec L M) as [|N]; auto. exfalso. set (e := Rabs (L - M) / 2).
  assert (He : 0 < e) by (unfold e; pose proof (Rabs_pos_lt (L - M)); lra).
  destruct (HL e He) as [T1 H1]. destruct (HM e He) as [T2 H2].
  specialize (H1 (Rmax T1 T2) (Rmax_l _ _)). specialize (H2 (Rmax T1 T2) (Rmax_r _ _)). set (f := F (Rmax T1 T2)) in *.
  pose proof (Rabs_triang (- (f - L)) (f - M)) as T. rewrite Rabs_Ropp in T.
  replace (- (f - L) + (f - M)) with (L - M) in T by ring. unfold e in *. lra.
Qed.
Lemma tends_ext F G L : (forall tau, F tau = G tau) -> tends F L -> tends G L.
Proof. intros E. apply tends_eventually. auto. Qed.

(* what is continuous keeps limits *)
Lemma tends_continuous f F L : continuity_pt f L -> tends F L -> tends (fun tau => f (F tau)) (f L).
Proof.
  intros Hf HF e He. destruct (Hf e He) as [del [Hdel H]]. destruct (HF del Hdel) as [T HT].
  exists T. intros tau Ht. destruct (Req_dec (F tau) L) as [->|N]; [now rewrite Rminus_eq_0, Rabs_R0|].
  apply (H (F tau)). split; [split; [exact I|congruence]|]. apply HT, Ht.
Qed.
Lemma tends_mul F G L M : tends F L -> tends G M -> tends (fun tau => F tau * G tau) (L * M).
Proof.
  intros HF HG. assert (S : forall F L, tends F L -> tends (fun tau => F tau * F tau) (L * L)).
  { intros F0 L0 H0. apply (tends_continuous (fun u => u * u)); auto. apply derivable_continuous_pt. reg. }
  replace (L * M) with (/ 4 * ((L + M) * (L + M)) + (- / 4) * ((L + -1 * M) * (L + -1 * M))) by field.
  apply (tends_ext (fun tau => / 4 * ((F tau + G tau) * (F tau + G tau)) + (- / 4) * ((F tau + -1 * G tau) * (F tau + -1 * G tau)))).
  { intros. field. }
  apply (tends_add (fun tau => / 4 * ((F tau + G tau) * (F tau + G tau)))).
  - apply (tends_scal (/ 4) (fun tau => (F tau + G tau) * (F tau + G tau))), S, tends_add; auto.
  - apply (tends_scal (- / 4) (fun tau => (F tau + -1 * G tau) * (F tau + -1 * G tau))), S, (tends_add F); auto.
    now apply (tends_scal (-1)).
Qed.
Lemma tends_inv F L : L <> 0 -> tends F L -> tends (fun tau => / F tau) (/ L).
Proof. intros. apply (tends_continuous Rinv); auto. apply (continuity_pt_inv id); auto. apply derivable_continuous_pt. reg. Qed.
Lemma tends_exp F L : tends F L -> tends (fun tau => exp (F tau)) (exp L).
Proof. intros. apply tends_continuous; auto. apply derivable_continuous_pt, derivable_pt_exp. Qed.
Lemma tends_dot n (F G : R -> vec) L M : (forall i, (i < n)%nat -> tends (fun tau => F tau i) (L i)) ->
  (forall i, (i < n)%nat -> tends (fun tau => G tau i) (M i)) -> tends (fun tau => dot n (F tau) (G tau)) (dot n L M).
Proof. intros HF HG. apply (tends_sum n (fun i tau => F tau i * G tau i)). intros. apply tends_mul; auto. Qed.
(* a bound that vanishes like K/tau *)
Lemma tends_rate F L K T : (forall tau, T <= tau -> Rabs (F tau - L) <= K / tau) -> tends F L.
Proof.
  intros H e He. assert (0 <= Rabs K / e) by (apply Rmult_le_pos; [apply Rabs_pos|left; now apply Rinv_0_lt_compat]).
  exists (Rmax T (1 + Rabs K / e)). intros tau Ht. pose proof (Rmax_l T (1 + Rabs K / e)). pose proof (Rmax_r T (1 + Rabs K / e)).
  eapply Rle_lt_trans; [apply H; lra|]. apply Rmult_lt_reg_r with tau; [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. pose proof (Rle_abs K).
  assert (Rabs K / e < tau) by lra. apply (Rmult_lt_compat_r e) in H4; auto.
  unfold Rdiv in H4. rewrite Rmult_assoc, Rinv_l in H4 by lra. lra.
Qed.
