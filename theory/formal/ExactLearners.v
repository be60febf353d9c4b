(* P4: k + 1 distinct noiseless points of a polynomial of degree k: interpolation, least squares and Bayes give its coefficients,
   and a uniform prior that leaves one of them out has no posterior. The Bayes estimate under c ~ N(0, diag g) is G V' (V G V')^-1 y:
   for any number of points the one centre of the prior's density on the coefficients that meet the points. *)
From ICL Require Export Polynomials.

(* ------------------------------------------------------------------ interpolation *)
(* Lagrange's l_j, by its coefficients *)
Lemma basis k xs j : distinct (S k) xs -> (j <= k)%nat ->
  exists l, forall i, (i <= k)%nat -> poly k l (xs i) = if Nat.eq_dec i j then 1 else 0.
Proof.
  intros Hd Hj. set (skip := fun i => if le_lt_dec j i then xs (S i) else xs i).
  destruct (fewer_do_not k skip) as [c [C1 C2]].
  assert (Z : forall i, (i <= k)%nat -> i <> j -> poly k c (xs i) = 0).
  { intros i Hi N. destruct (le_lt_dec i j) as [L|L].
    - specialize (C2 i ltac:(lia)). unfold skip in C2. destruct (le_lt_dec j i); [lia|auto].
    - specialize (C2 (pred i) ltac:(lia)). unfold skip in C2. destruct (le_lt_dec j (pred i)); [|lia].
      now replace (S (pred i)) with i in C2 by lia. }
  set (v := poly k c (xs j)). assert (V : v <> 0).
  { intros E. assert (c k = 0); [|lra]. apply (only_zero k c xs Hd); auto. intros i Hi. destruct (Nat.eq_dec i j) as [->|N]; auto. }
  exists (fun i => / v * c i). intros i Hi. replace (poly k (fun i => / v * c i) (xs i)) with (/ v * poly k c (xs i)).
  - destruct (Nat.eq_dec i j) as [->|N]; [fold v; now apply Rinv_l|]. rewrite Z by auto. ring.
  - unfold poly. rewrite <- sum_scal. apply sum_ext. intros. ring.
Qed.
Lemma bases k xs : distinct (S k) xs -> exists l : mat, forall i j, (i <= k)%nat -> (j <= k)%nat ->
  poly k (l j) (xs i) = if Nat.eq_dec i j then 1 else 0.
Proof.
  intros Hd. enough (G : forall m, exists l : mat, forall i j, (i <= k)%nat -> (j <= k)%nat -> (j < m)%nat ->
    poly k (l j) (xs i) = if Nat.eq_dec i j then 1 else 0).
  { destruct (G (S k)) as [l H]. exists l. intros. apply H; auto; lia. }
  induction m as [|m [l H]]; [exists (fun _ _ => 0); lia|]. destruct (le_lt_dec m k) as [L|L].
  - destruct (basis k xs m Hd L) as [c C]. exists (fun j => if Nat.eq_dec j m then c else l j). intros i j Hi Hj Hm.
    destruct (Nat.eq_dec j m) as [->|N]; [now apply C|]. apply H; auto; lia.
  - exists l. intros. apply H; auto; lia.
Qed.
Lemma poly_sum k n (l : mat) a x : poly k (fun i => sum n (fun j => a j * l j i)) x = sum n (fun j => a j * poly k (l j) x).
Proof.
  unfold poly. rewrite (sum_ext (S k) _ (fun i => sum n (fun j => a j * l j i * x ^ i))).
  - rewrite sum_swap. apply sum_ext. intros j _. rewrite <- sum_scal. apply sum_ext. intros. ring.
  - intros i _. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. ring.
Qed.
(* through any k + 1 points, and Polynomials.points_determine says: one only *)
Theorem interpolation k xs y : distinct (S k) xs -> exists c, forall i, (i <= k)%nat -> poly k c (xs i) = y i.
Proof.
  intros Hd. destruct (bases k xs Hd) as [l H]. exists (fun i => sum (S k) (fun j => y j * l j i)). intros i Hi.
  rewrite poly_sum, (sum_ext (S k) _ (fun j => delta i j * y j)); [apply (sum_delta (S k) i y); lia|].
  intros j Hj. rewrite H by lia. unfold delta. destruct (Nat.eq_dec i j), (Nat.eq_dec j i); try lia; ring.
Qed.

(* ------------------------------------------------------------------ least squares *)
Definition misfit n k (xs y c : vec) := sum n (fun i => (poly k c (xs i) - y i) * (poly k c (xs i) - y i)).
Theorem least_squares n k xs c c' : (k < n)%nat -> distinct (S k) xs ->
  (forall c'', misfit n k xs (fun j => poly k c (xs j)) c' <= misfit n k xs (fun j => poly k c (xs j)) c'') ->
  forall i, (i <= k)%nat -> c' i = c i.
Proof.
  intros Hn Hd H. specialize (H c). unfold misfit in H. rewrite (sum_ext n (fun i => (poly k c (xs i) - _) * _) (fun _ => 0)) in H by (intros; ring).
  rewrite sum_const, Rmult_0_r in H. apply (points_determine k c' c xs Hd). intros i Hi.
  pose proof (sum_term n (fun i => (poly k c' (xs i) - poly k c (xs i)) * (poly k c' (xs i) - poly k c (xs i))) i
    (fun j _ => Rle_0_sqr _) ltac:(lia)) as T. simpl in T. pose proof (Rle_0_sqr (poly k c' (xs i) - poly k c (xs i))) as Q.
  unfold Rsqr in Q. assert (E : (poly k c' (xs i) - poly k c (xs i)) * (poly k c' (xs i) - poly k c (xs i)) = 0) by lra.
  apply Rmult_integral in E. lra.
Qed.

(* ------------------------------------------------------------------ Bayes: c_i ~ N(0, g_i), n noiseless points *)
Definition meets n k (xs y c : vec) := forall j, (j < n)%nat -> poly k c (xs j) = y j.
(* G V' lam, with V G V' lam = y *)
Definition bayes n k (g xs y m : vec) :=
  (exists lam, forall i, (i <= k)%nat -> m i = g i * sum n (fun j => lam j * xs j ^ i)) /\ meets n k xs y m.
Definition energy k (g c : vec) := sum (S k) (fun i => c i * c i / g i).          (* the prior's density is exp(- energy / 2), scaled *)

Section Bayes.
Variables (n k : nat) (g xs y : vec).
Hypothesis g_pos : forall i, (i <= k)%nat -> 0 < g i.
(* on the coefficients that meet the points the density is a Gaussian about the Bayes estimate *)
Theorem posterior_density m c : bayes n k g xs y m -> meets n k xs y c ->
  energy k g c = energy k g m + energy k g (fun i => c i - m i).
Proof.
  intros [[lam L] Hm] Hc. enough (X : sum (S k) (fun i => (c i - m i) * (m i / g i)) = 0).
  { unfold energy. rewrite (sum_ext (S k) (fun i => c i * c i / g i) (fun i => 1 * (m i * m i / g i) + 1 * ((c i - m i) * (c i - m i) / g i
      + 2 * ((c i - m i) * (m i / g i))))) by (intros; unfold Rdiv; ring).
    rewrite sum_lin, sum_add, sum_scal, X. ring. }
  rewrite (sum_ext (S k) _ (fun i => sum n (fun j => lam j * ((c i - m i) * xs j ^ i)))).
  - rewrite sum_swap, (sum_ext n _ (fun _ => 0)); [rewrite sum_const; ring|]. intros j Hj. rewrite sum_scal.
    change (lam j * poly k (fun i => c i - m i) (xs j) = 0). rewrite <- poly_sub, (Hm j Hj), (Hc j Hj). ring.
  - intros i Hi. rewrite (L i) by lia. specialize (g_pos i ltac:(lia)).
    replace ((c i - g i * sum n (fun j => lam j * xs j ^ i)) * (g i * sum n (fun j => lam j * xs j ^ i) / g i))
      with ((c i - g i * sum n (fun j => lam j * xs j ^ i)) * sum n (fun j => lam j * xs j ^ i)) by (field; lra).
    rewrite <- sum_scal. apply sum_ext. intros. ring.
Qed.
Lemma energy_pos c : 0 <= energy k g c.
Proof.
  apply sum_nonneg. intros i Hi. specialize (g_pos i ltac:(lia)). apply Rmult_le_pos; [apply Rle_0_sqr|left; now apply Rinv_0_lt_compat].
Qed.
Lemma energy_zero c : energy k g c <= 0 -> forall i, (i <= k)%nat -> c i = 0.
Proof.
  intros H i Hi. assert (P : forall j, (j < S k)%nat -> 0 <= c j * c j / g j).
  { intros j Hj. specialize (g_pos j ltac:(lia)). apply Rmult_le_pos; [apply Rle_0_sqr|left; now apply Rinv_0_lt_compat]. }
  pose proof (sum_term (S k) (fun i => c i * c i / g i) i P ltac:(lia)) as T. simpl in T. fold (energy k g c) in T.
  change (c i * c i / g i <= energy k g c) in T. specialize (P i ltac:(lia)). specialize (g_pos i Hi).
  assert (E : c i * c i / g i * g i = 0) by nra. unfold Rdiv in E. rewrite Rmult_assoc, Rinv_l, Rmult_1_r in E by lra.
  apply Rmult_integral in E. tauto.
Qed.
(* so it is the likeliest one, and the only one *)
Theorem bayes_likeliest m c : bayes n k g xs y m -> meets n k xs y c -> energy k g c <= energy k g m ->
  forall i, (i <= k)%nat -> c i = m i.
Proof.
  intros Hm Hc H i Hi. rewrite (posterior_density m c Hm Hc) in H. enough (c i - m i = 0) by lra.
  apply (energy_zero (fun i => c i - m i)); [lra|auto].
Qed.
(* Bayes' answer at a query: weights q with cov(p(x) - sum q_j p(x_j), p(x_l)) = 0 for every l *)
Definition uncorrelated x q := forall l, (l < n)%nat -> sum (S k) (fun i => g i * (x ^ i - sum n (fun j => q j * xs j ^ i)) * xs l ^ i) = 0.
Theorem bayes_answer m x q : bayes n k g xs y m -> uncorrelated x q -> sum n (fun j => q j * y j) = poly k m x.
Proof.
  intros [[lam L] Hm] Hq. rewrite (sum_ext n _ (fun j => q j * poly k m (xs j))) by (intros j Hj; now rewrite Hm).
  enough (E : poly k m x - sum n (fun j => q j * poly k m (xs j)) = 0) by lra.
  replace (poly k m x - sum n (fun j => q j * poly k m (xs j))) with (sum (S k) (fun i => m i * (x ^ i - sum n (fun j => q j * xs j ^ i)))).
  - rewrite (sum_ext (S k) _ (fun i => sum n (fun l => lam l * (g i * (x ^ i - sum n (fun j => q j * xs j ^ i)) * xs l ^ i)))).
    + rewrite sum_swap, (sum_ext n _ (fun _ => 0)); [rewrite sum_const; ring|]. intros l Hl. rewrite sum_scal, Hq by auto. ring.
    + intros i Hi. rewrite (L i) by lia. set (r := x ^ i - _). replace (g i * sum n (fun j => lam j * xs j ^ i) * r)
        with (g i * r * sum n (fun j => lam j * xs j ^ i)) by ring. rewrite <- sum_scal. apply sum_ext. intros. ring.
  - unfold poly. rewrite (sum_ext n _ (fun j => sum (S k) (fun i => m i * (q j * xs j ^ i)))).
    + rewrite sum_swap, (sum_ext (S k) _ (fun i => 1 * (m i * x ^ i) + -1 * sum n (fun j => m i * (q j * xs j ^ i)))); [rewrite sum_lin; ring|].
      intros i _. rewrite (sum_scal n (m i)). ring.
    + intros j _. rewrite <- sum_scal. apply sum_ext. intros. ring.
Qed.
End Bayes.

(* k + 1 points: the estimate exists and is c itself, whatever the variances *)
Theorem bayes_exact k g xs c : (forall i, (i <= k)%nat -> 0 < g i) -> distinct (S k) xs ->
  bayes (S k) k g xs (fun j => poly k c (xs j)) c /\
  forall m, bayes (S k) k g xs (fun j => poly k c (xs j)) m -> forall i, (i <= k)%nat -> m i = c i.
Proof.
  intros Hg Hd. split; [split; [|now intros j _]|].
  - destruct (bases k xs Hd) as [l H]. exists (fun j => sum (S k) (fun r => c r / g r * l j r)). intros i Hi.
    (* sum_j x_j^i l_j is the power i itself *)
    assert (P : forall r, (r <= k)%nat -> sum (S k) (fun j => xs j ^ i * l j r) = delta i r).
    { apply (points_determine k (fun r => sum (S k) (fun j => xs j ^ i * l j r)) (delta i) xs Hd). intros a Ha.
      rewrite poly_sum, (sum_ext (S k) _ (fun j => delta a j * xs j ^ i)).
      - rewrite sum_delta by lia. unfold poly. now rewrite (sum_delta (S k) i (fun r => xs a ^ r)) by lia.
      - intros j Hj. rewrite H by lia. unfold delta. destruct (Nat.eq_dec a j), (Nat.eq_dec j a); try lia; ring. }
    specialize (Hg i Hi). rewrite (sum_ext (S k) _ (fun j => sum (S k) (fun r => c r / g r * (xs j ^ i * l j r)))).
    + rewrite sum_swap, (sum_ext (S k) _ (fun r => delta i r * (c r / g r))).
      * rewrite (sum_delta (S k) i (fun r => c r / g r)) by lia. field. lra.
      * intros r Hr. rewrite sum_scal, P by lia. ring.
    + intros j _. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros. ring.
  - intros m [_ Hm]. apply (points_determine k m c xs Hd). intros i Hi. apply Hm. lia.
Qed.

(* under c ~ U(-a, a) nothing meets the points when one coefficient is outside *)
Theorem uniform_no_posterior k a xs c i : distinct (S k) xs -> (i <= k)%nat -> a < Rabs (c i) ->
  ~ exists c', meets (S k) k xs (fun j => poly k c (xs j)) c' /\ forall j, (j <= k)%nat -> Rabs (c' j) <= a.
Proof.
  intros Hd Hi Ha [c' [M B]]. specialize (B i Hi). rewrite (points_determine k c' c xs Hd) in B; auto; [lra|].
  intros j Hj. apply M. lia.
Qed.
