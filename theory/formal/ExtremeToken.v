(* G3: with exploding scores an attention average tends to the extreme token. *)
From ICL Require Export Softmax.

(* ------------------------------------------------------------------ G3 core: exploding scores select the extreme token *)
Lemma softmax_gap n s z m : (m < n)%nat -> (forall j, (j < n)%nat -> z j <= z m) ->
  0 <= z m - dot n (softmax n s) z <= sum n (fun j => (z m - z j) * exp (s j - s m)).
Proof.
  intros Hm Hz. destruct (softmax_stochastic n s ltac:(lia)) as [Hp Hs].
  assert (E : z m - dot n (softmax n s) z = sum n (fun j => (z m - z j) * softmax n s j)).
  { rewrite (sum_ext n (fun j => (z m - z j) * softmax n s j) (fun j => z m * softmax n s j + -1 * (softmax n s j * z j))) by (intros; ring).
    rewrite sum_lin, Hs. unfold dot. ring. }
  rewrite E. split.
  - apply sum_nonneg. intros j Hj. specialize (Hp j Hj). specialize (Hz j Hj). nra.
  - apply sum_le. intros j Hj. specialize (Hz j Hj). apply Rmult_le_compat_l; [lra|].
    unfold softmax. set (Zs := sum n (fun j => exp (s j))).
    assert (exp (s m) <= Zs) by (apply (sum_term n (fun j => exp (s j))); auto; intros; left; apply exp_pos).
    unfold Rminus. rewrite exp_plus, exp_Ropp. apply Rmult_le_compat_l; [left; apply exp_pos|].
    apply Rinv_le_contravar; auto. apply exp_pos.
Qed.
Lemma exp_neg_le y : 0 < y -> exp (- y) <= / y.
Proof. intros. rewrite exp_Ropp. apply Rinv_le_contravar; auto. pose proof (exp_ineq1 y ltac:(lra)). lra. Qed.

(* prompt scaled by tau: scores tau^2 a z_j + tau b_j + c_j (a = A_h z_q > 0): attention to values z tends to max z *)
Theorem extreme_token n z m a bb cc e : (m < n)%nat -> (forall j, (j < n)%nat -> z j <= z m) -> 0 < a -> 0 < e ->
  exists T, forall tau, T <= tau -> Rabs (dot n (softmax n (fun j => tau * tau * (a * z j) + tau * bb j + cc j)) z - z m) < e.
Proof.
  intros Hm Hz Ha He.
  enough (G : forall N, (N <= n)%nat -> exists T, forall tau, T <= tau ->
     sum N (fun j => (z m - z j) * exp ((tau * tau * (a * z j) + tau * bb j + cc j) - (tau * tau * (a * z m) + tau * bb m + cc m)))
      <= INR N * (e / (INR n + 1))).
  { destruct (G n (Nat.le_refl n)) as [T HT]. exists T. intros tau Ht. specialize (HT tau Ht).
    pose proof (softmax_gap n (fun j => tau * tau * (a * z j) + tau * bb j + cc j) z m Hm Hz) as B. simpl in B.
    pose proof (pos_INR n). assert (INR n * (e / (INR n + 1)) < e).
    { apply Rmult_lt_reg_r with (INR n + 1); [lra|]. replace (INR n * (e / (INR n + 1)) * (INR n + 1)) with (INR n * e) by (field; lra). lra. }
    apply Rabs_def1; lra. }
  pose proof (pos_INR n). assert (Pe : 0 < e / (INR n + 1)) by (apply Rmult_lt_0_compat; [auto|apply Rinv_0_lt_compat; lra]).
  set (e' := e / (INR n + 1)) in *.
  induction N as [|N IH]; intros HN; [exists 0; intros; simpl; lra|].
  destruct (IH ltac:(lia)) as [T HT]. specialize (Hz N HN). set (D := z m - z N) in *.
  destruct (Req_dec D 0) as [E|E].
  - exists T. intros tau Ht. specialize (HT tau Ht). rewrite S_INR. simpl. fold D. rewrite E, Rmult_0_l. lra.
  - assert (PD : 0 < D) by (unfold D in *; lra).
    set (beta := Rabs (bb N - bb m) + Rabs (cc N - cc m)).
    assert (Bb : 0 <= beta) by (unfold beta; pose proof (Rabs_pos (bb N - bb m)); pose proof (Rabs_pos (cc N - cc m)); lra).
    set (T1 := 1 + (beta + D / e') / (a * D)).
    assert (PaD : 0 < a * D) by nra. assert (Q1 : 0 < D / e') by (apply Rmult_lt_0_compat; [auto|now apply Rinv_0_lt_compat]).
    assert (Q2 : 0 <= (beta + D / e') / (a * D)) by (apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]).
    exists (Rmax T T1). intros tau Ht. pose proof (Rmax_l T T1). pose proof (Rmax_r T T1).
    specialize (HT tau ltac:(lra)). rewrite S_INR. simpl. fold D.
    enough (D * exp ((tau * tau * (a * z N) + tau * bb N + cc N) - (tau * tau * (a * z m) + tau * bb m + cc m)) <= e') by lra.
    assert (T2 : 1 <= tau /\ (beta + D / e') / (a * D) <= tau) by (unfold T1 in *; lra). destruct T2 as [T2 T3].
    apply (Rmult_le_compat_r (a * D)) in T3; [|lra]. unfold Rdiv in T3 at 1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r in T3 by lra.
    assert (L : (tau * tau * (a * z N) + tau * bb N + cc N) - (tau * tau * (a * z m) + tau * bb m + cc m) <= - (D / e')).
    { replace ((tau * tau * (a * z N) + tau * bb N + cc N) - (tau * tau * (a * z m) + tau * bb m + cc m))
        with (- (tau * (tau * (a * D))) + tau * (bb N - bb m) + (cc N - cc m)) by (unfold D; ring).
      pose proof (Rle_abs (bb N - bb m)). pose proof (Rle_abs (cc N - cc m)). pose proof (Rabs_pos (cc N - cc m)).
      assert (tau * (bb N - bb m) + (cc N - cc m) <= tau * beta) by (unfold beta; nra).
      assert (tau * (beta + D / e') <= tau * (tau * (a * D))) by (apply Rmult_le_compat_l; lra). nra. }
    apply exp_le in L. pose proof (exp_neg_le (D / e') Q1) as X.
    apply Rle_trans with (D * / (D / e')); [apply Rmult_le_compat_l; lra|]. right. field. lra.
Qed.

(* the other sign (a = - A_h z_q > 0): the smallest token survives *)
Theorem extreme_token_min n z m a bb cc e : (m < n)%nat -> (forall j, (j < n)%nat -> z m <= z j) -> 0 < a -> 0 < e ->
  exists T, forall tau, T <= tau -> Rabs (dot n (softmax n (fun j => tau * tau * (- a * z j) + tau * bb j + cc j)) z - z m) < e.
Proof.
  intros Hm Hz Ha He.
  destruct (extreme_token n (fun j => - z j) m a bb cc e Hm (fun j Hj => Ropp_le_contravar _ _ (Hz j Hj)) Ha He) as [T HT].
  exists T. intros tau Ht. specialize (HT tau Ht).
  set (s := fun j => tau * tau * (a * - z j) + tau * bb j + cc j) in HT.
  assert (E : forall j, tau * tau * (- a * z j) + tau * bb j + cc j = s j) by (intros; unfold s; ring).
  replace (dot n (softmax n (fun j => tau * tau * (- a * z j) + tau * bb j + cc j)) z - z m)
    with (- (dot n (softmax n s) (fun j => - z j) - - z m)); [now rewrite Rabs_Ropp|].
  rewrite (dot_sym n _ (fun j => - z j)), (dot_ext n (fun j => - z j) _ (scal (-1) z) (softmax n s)) by (intros; auto; unfold scal; ring).
  rewrite dot_scal, dot_sym. assert (F : dot n (softmax n (fun j => tau * tau * (- a * z j) + tau * bb j + cc j)) z = dot n (softmax n s) z).
  { apply dot_ext; auto. intros i _. unfold softmax. rewrite E. f_equal. apply sum_ext. intros. now rewrite E. }
  rewrite F. ring.
Qed.
