(* L1: the range of LayerNorm for every width d, its image, its witnesses; scale and offset are forgotten. *)
From ICL Require Export Vectors.

Section LN.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.
Local Notation D := (INR d).
Let D_pos : 0 < INR d. Proof. apply lt_0_INR, d_pos. Qed.

Definition mean (h : vec) := sum d h / INR d.
Definition P (h : vec) : vec := fun i => h i - mean h.
Definition var (h : vec) := dot d (P h) (P h) / INR d.
Definition LN (eps : R) (h : vec) : vec := fun i => P h i / sqrt (var h + eps).
Definition LNa eps (g b h : vec) : vec := fun i => g i * LN eps h i + b i.

Lemma sum_P h : sum d (P h) = 0.
Proof.
  unfold P. rewrite (sum_ext d _ (fun i => 1 * h i + (- mean h) * 1)) by (intros; ring).
  rewrite sum_lin, sum_const. unfold mean. field. lra.
Qed.

Lemma P_id u i : sum d u = 0 -> P u i = u i.
Proof. intros H. unfold P, mean. rewrite H. field. lra. Qed.

Lemma mean_lin a b u v : mean (fun i => a * u i + b * v i) = a * mean u + b * mean v.
Proof. unfold mean. rewrite sum_lin. field. lra. Qed.
Lemma P_lin a b u v i : P (fun i => a * u i + b * v i) i = a * P u i + b * P v i.
Proof. unfold P. rewrite mean_lin. ring. Qed.
Lemma mean_const c : mean (fun _ => c) = c.
Proof. unfold mean. rewrite sum_const. field. lra. Qed.

(* P is self-adjoint and idempotent under dot *)
Lemma dot_P u v : sum d u = 0 -> dot d u (P v) = dot d u v.
Proof.
  intros H. unfold dot, P. rewrite (sum_ext d _ (fun i => 1 * (u i * v i) + (- mean v) * u i)) by (intros; ring).
  rewrite sum_lin, H. ring.
Qed.
Lemma dot_PP u v : dot d (P u) (P v) = dot d (P u) v.
Proof. apply dot_P, sum_P. Qed.

Lemma norm_P_le h : norm d (P h) <= norm d h.
Proof.
  apply sq_le; [apply norm_pos|]. rewrite !norm_sq.
  assert (H : dot d h h = dot d (P h) (P h) + D * (mean h * mean h)).
  { rewrite dot_PP. unfold dot, P. rewrite (sum_ext d (fun i => (h i - mean h) * h i) (fun i => 1 * (h i * h i) + (- mean h) * h i)) by (intros; ring).
    rewrite sum_lin. unfold mean. field. lra. }
  rewrite H. nra.
Qed.

Lemma dot_var h : dot d (P h) (P h) = D * var h.
Proof. unfold var. field. lra. Qed.
Lemma var_pos h : 0 <= var h.
Proof. unfold var. apply Rmult_le_pos; [apply dot_pos|]. left. now apply Rinv_0_lt_compat. Qed.
Lemma var_norm h : norm d (P h) = sqrt (INR d) * sqrt (var h).
Proof. unfold norm. rewrite dot_var. apply sqrt_mult; [left; apply D_pos|apply var_pos]. Qed.

(* at zero variance the centred vector is zero, so LN h = 0 whatever Coq's 1/0 is *)
Lemma P_zero h i : var h = 0 -> (i < d)%nat -> P h i = 0.
Proof.
  intros H Hi. pose proof (coord_le_norm d (P h) i Hi) as A. rewrite var_norm, H, sqrt_0, Rmult_0_r in A.
  pose proof (Rabs_pos (P h i)). destruct (Req_dec (P h i) 0) as [E|E]; auto. apply Rabs_pos_lt in E. lra.
Qed.

(* ------------------------------------------------------------------ L1 *)
Theorem LN_sum eps h : sum d (LN eps h) = 0.
Proof.
  unfold LN. rewrite (sum_ext d _ (fun i => / sqrt (var h + eps) * P h i)) by (intros; unfold Rdiv; ring).
  rewrite sum_scal, sum_P. ring.
Qed.

Theorem LN_sq eps h : 0 < var h + eps -> dot d (LN eps h) (LN eps h) = INR d * (var h / (var h + eps)).
Proof.
  intros H. unfold LN, dot.
  rewrite (sum_ext d _ (fun i => / (var h + eps) * (P h i * P h i))).
  - rewrite sum_scal. fold (dot d (P h) (P h)). rewrite dot_var. field. lra.
  - intros. pose proof (sqrt_lt_R0 _ H). rewrite <- (sqrt_sqrt (var h + eps)) at 3 by lra. field. lra.
Qed.

Theorem LN_sq_le eps h : 0 <= eps -> dot d (LN eps h) (LN eps h) <= INR d.
Proof.
  intros He. pose proof (var_pos h).
  destruct (Rle_lt_dec (var h + eps) 0) as [E|E].
  - assert (var h = 0) by lra. unfold dot. rewrite (sum_ext d _ (fun _ => 0)).
    + rewrite sum_const. lra.
    + intros i Hi. unfold LN. rewrite P_zero by auto. unfold Rdiv. ring.
  - rewrite LN_sq by auto. rewrite <- (Rmult_1_r D) at 2. apply Rmult_le_compat_l; [lra|].
    apply Rmult_le_reg_r with (var h + eps); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.
Theorem LN_norm_le eps h : 0 <= eps -> norm d (LN eps h) <= sqrt (INR d).
Proof. intros. apply sqrt_le_1_alt, LN_sq_le; auto. Qed.
Theorem LN_norm_lt eps h : 0 < eps -> norm d (LN eps h) < sqrt (INR d).
Proof.
  intros He. pose proof (var_pos h). apply sqrt_lt_1_alt. split; [apply dot_pos|].
  rewrite LN_sq by lra. rewrite <- (Rmult_1_r D) at 2. apply Rmult_lt_compat_l; [lra|].
  apply Rmult_lt_reg_r with (var h + eps); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.
(* the master inequality: every linear functional *)
Theorem LN_linear eps h u : 0 <= eps -> Rabs (dot d u (LN eps h)) <= sqrt (INR d) * norm d (P u).
Proof.
  intros He. rewrite (dot_sym d u), <- (dot_P _ u (LN_sum eps h)). eapply Rle_trans; [apply cauchy_norm|].
  apply Rmult_le_compat_r; [apply norm_pos|now apply LN_norm_le].
Qed.
Theorem LN0_sq h : 0 < var h -> dot d (LN 0 h) (LN 0 h) = INR d.
Proof. intros. rewrite LN_sq by lra. rewrite Rplus_0_r. field. lra. Qed.

(* one coordinate of a zero-sum vector *)
Lemma coord_sum0 u i : sum d u = 0 -> (i < d)%nat -> INR d * (u i * u i) <= (INR d - 1) * dot d u u.
Proof.
  intros H Hi. set (v := fun j => delta i j - / INR d).
  assert (Huv : dot d u v = u i).
  { unfold v, dot. rewrite (sum_ext d _ (fun j => 1 * (delta i j * u j) + (- / INR d) * u j)) by (intros; ring).
    rewrite sum_lin, sum_delta, H by auto. ring. }
  assert (Hvv : dot d v v = 1 - / D).
  { unfold v, dot. rewrite (sum_ext d _ (fun j => 1 * (delta i j * (delta i j - 2 * / D)) + (/ D * / D) * 1)) by (intros; ring).
    rewrite sum_lin, (sum_delta d i (fun j => delta i j - 2 * / D)), sum_const by auto. unfold delta. destruct (Nat.eq_dec i i); [|lia]. field. lra. }
  pose proof (cauchy d u v) as C. rewrite Huv, Hvv in C.
  apply (Rmult_le_compat_l D) in C; [|lra].
  replace (D * (dot d u u * (1 - / D))) with ((D - 1) * dot d u u) in C by (field; lra). exact C.
Qed.
Lemma pair_bound u i j : i <> j -> (i < d)%nat -> (j < d)%nat ->
  (u i - u j) * (u i - u j) <= 2 * dot d u u.
Proof.
  intros N Hi Hj. unfold dot. rewrite (sum_split d _ i Hi).
  assert (u j * u j <= sum d (fun k => if Nat.eq_dec k i then 0 else u k * u k)).
  { eapply Rle_trans; [|apply (sum_term d (fun k => if Nat.eq_dec k i then 0 else u k * u k) j)]; auto.
    - simpl. destruct (Nat.eq_dec j i); [lia|lra].
    - intros k Hk. simpl. destruct (Nat.eq_dec k i); nra. }
  pose proof (Rle_0_sqr (u i + u j)). unfold Rsqr in *. lra.
Qed.

Theorem LN_coord eps h i : 0 <= eps -> (i < d)%nat -> Rabs (LN eps h i) <= sqrt (INR d - 1).
Proof.
  intros He Hi. pose proof (coord_sum0 _ i (LN_sum eps h) Hi) as A. pose proof (LN_sq_le eps h He) as B. 
  assert (1 <= D) by (apply (le_INR 1); lia).
  apply abs_le_of_sq; [apply sqrt_pos|]. rewrite sqrt_sqrt by lra.
  apply Rmult_le_reg_l with D; [lra|]. nra.
Qed.
Theorem LN_pair eps h i j : 0 <= eps -> (i < d)%nat -> (j < d)%nat ->
  Rabs (LN eps h i - LN eps h j) <= sqrt (2 * INR d).
Proof.
  intros He Hi Hj. apply abs_le_of_sq; [apply sqrt_pos|]. rewrite sqrt_sqrt by lra.
  destruct (Nat.eq_dec i j) as [->|N]; [rewrite Rminus_eq_0; lra|].
  pose proof (pair_bound (LN eps h) i j N Hi Hj). pose proof (LN_sq_le eps h He).  lra.
Qed.

(* the image at eps = 0 is exactly {0} u sphere: each point of the sphere is its own image *)
Theorem LN0_fixed z i : sum d z = 0 -> dot d z z = INR d -> LN 0 z i = z i.
Proof.
  intros H K. unfold LN, var. rewrite P_id by auto.
  rewrite (dot_ext d _ _ z z) by (intros; apply P_id; auto). rewrite K.
  replace (INR d / INR d + 0) with 1 by (field;lra). rewrite sqrt_1. field.
Qed.

(* with eps > 0 it is the open ball: every point is LN of a multiple of itself *)
Theorem LN_image eps z : 0 < eps -> sum d z = 0 -> dot d z z < INR d ->
  exists s, 0 < s /\ forall i, (i < d)%nat -> LN eps (scal s z) i = z i.
Proof.
  intros He Hz Hn. set (q := dot d z z / D). assert (Q : 0 <= q < 1).
  { unfold q. split; [apply Rmult_le_pos; [apply dot_pos|left; now apply Rinv_0_lt_compat]|].
    apply Rmult_lt_reg_r with D; auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  set (s := sqrt (eps / (1 - q))). assert (S2 : s * s = eps / (1 - q)) by (apply sqrt_sqrt, Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]).
  assert (S0 : 0 < s) by (apply sqrt_lt_R0, Rmult_lt_0_compat; [lra|apply Rinv_0_lt_compat; lra]). exists s. split; auto. intros i Hi.
  assert (Pz : forall j, P (scal s z) j = s * z j) by (intros j; rewrite P_id; [auto|unfold scal; rewrite sum_scal, Hz; ring]).
  assert (V : var (scal s z) + eps = s * s).
  { unfold var. rewrite (dot_ext d _ _ (scal s z) (scal s z)) by (intros; apply Pz). rewrite dot_scal, dot_sym, dot_scal.
    replace (s * (s * dot d z z) / INR d) with (s * s * q) by (unfold q; field; lra). rewrite S2. field. lra. }
  unfold LN. rewrite V, Pz, sqrt_square by lra. field. lra.
Qed.

(* witnesses: h = e_i and h = e_i - e_j attain the two bounds *)
Lemma var_delta i : (i < d)%nat -> var (delta i) = / D * (1 - / D).
Proof.
  intros Hi. unfold var, P. assert (M : mean (delta i) = / D).
  { unfold mean. rewrite (sum_ext d _ (fun j => delta i j * 1)) by (intros; ring).
    rewrite (sum_delta d i (fun _ => 1)) by auto. field. lra. }
  rewrite M. unfold dot. rewrite (sum_ext d _ (fun j => 1 * (delta i j * (delta i j - 2 * / D)) + (/ D * / D) * 1)) by (intros; ring).
  rewrite sum_lin, (sum_delta d i (fun j => delta i j - 2 * / D)), sum_const by auto.
  unfold delta. destruct (Nat.eq_dec i i); [|lia]. field. lra.
Qed.
Theorem LN_coord_sharp i : (1 < d)%nat -> (i < d)%nat -> LN 0 (delta i) i = sqrt (INR d - 1).
Proof.
  intros H1 Hi. assert (1 < D) by (apply (lt_INR 1); lia).
  unfold LN. rewrite var_delta, Rplus_0_r by auto. unfold P. assert (M : mean (delta i) = / D).
  { unfold mean. rewrite (sum_ext d _ (fun j => delta i j * 1)) by (intros; ring).
    rewrite (sum_delta d i (fun _ => 1)) by auto. field. lra. }
  rewrite M. unfold delta. destruct (Nat.eq_dec i i); [|lia].
  replace (/ D * (1 - / D)) with ((/ D * / D) * (D - 1)) by (field; lra).
  assert (0 < / D) by (apply Rinv_0_lt_compat; lra).
  rewrite sqrt_mult, sqrt_square by nra. assert (0 < sqrt (D - 1)) by (apply sqrt_lt_R0; lra).
  apply Rmult_eq_reg_r with (/ D * sqrt (D - 1)); [|nra].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l by nra.
  replace (sqrt (D - 1) * (/ D * sqrt (D - 1))) with (/ D * (sqrt (D - 1) * sqrt (D - 1))) by ring.
  rewrite sqrt_sqrt by lra. field. lra.
Qed.

(* LN0 forgets scale and offset; with eps the scale moves into eps *)
Theorem LN_affine eps a b h i : 0 <= eps -> 0 < a -> (i < d)%nat -> LN eps (fun i => a * h i + b) i = LN (eps / (a * a)) h i.
Proof.
  intros He Ha Hi. assert (E : forall i, P (fun i => a * h i + b) i = a * P h i).
  { intros k. unfold P, mean.
    rewrite (sum_ext d (fun i => a * h i + b) (fun i => a * h i + b * 1)) by (intros; ring).
    rewrite sum_lin, sum_const. field. lra. }
  assert (V : var (fun i => a * h i + b) = (a * a) * var h).
  { unfold var. rewrite (dot_ext d _ _ (scal a (P h)) (scal a (P h))) by (intros; unfold scal; auto).
    rewrite dot_scal, dot_sym, dot_scal. field. lra. }
  unfold LN. rewrite E, V. pose proof (var_pos h) as Hv.
  assert (0 <= eps / (a * a)) by (apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; nra]).
  replace (a * a * var h + eps) with ((a * a) * (var h + eps / (a * a))) by (field; lra).
  rewrite sqrt_mult_alt, sqrt_square by nra.
  destruct (Req_dec (var h) 0) as [Z|Z].
  - rewrite P_zero by auto. unfold Rdiv. ring.
  - assert (0 < sqrt (var h + eps / (a * a))) by (apply sqrt_lt_R0; lra). field. lra.
Qed.
End LN.

(* ------------------------------------------------------------------ L1, width 1 and the witness of the pair bound *)
Section Witnesses.
Variable d : nat.
Hypothesis d_pos : (0 < d)%nat.

Theorem LN_width1 eps h i : d = 1%nat -> (i < d)%nat -> LN d eps h i = 0.
Proof.
  intros -> Hi. assert (i = O) by lia. subst i. unfold LN, P, mean. simpl. unfold Rdiv.
  replace (h O - (0 + h O) * / 1) with 0 by (field; lra). ring.
Qed.
Theorem LN_pair_sharp i j : i <> j -> (i < d)%nat -> (j < d)%nat ->
  let h := fun k => delta i k - delta j k in LN d 0 h i - LN d 0 h j = sqrt (2 * INR d).
Proof.
  intros N Hi Hj h. assert (D0 : 0 < INR d) by (now apply lt_0_INR).
  assert (hi : h i = 1) by (unfold h, delta; destruct (Nat.eq_dec i i); destruct (Nat.eq_dec i j); try lia; lra).
  assert (hj : h j = -1) by (unfold h, delta; destruct (Nat.eq_dec j i); destruct (Nat.eq_dec j j); try lia; lra).
  assert (E : forall f, sum d (fun k => h k * f k) = f i - f j).
  { intros f. rewrite (sum_ext d _ (fun k => 1 * (delta i k * f k) + -1 * (delta j k * f k))) by (intros; unfold h; ring).
    rewrite sum_lin, !sum_delta by auto. ring. }
  assert (S0 : sum d h = 0).
  { rewrite (sum_ext d h (fun k => h k * 1)) by (intros; ring). rewrite (E (fun _ => 1)). ring. }
  assert (V : var d h = 2 / INR d).
  { unfold var. rewrite (dot_ext d _ _ h h) by (intros; apply P_id; auto). unfold dot. rewrite E, hi, hj. f_equal. ring. }
  unfold LN. rewrite !P_id, hi, hj, V, Rplus_0_r by auto.
  assert (Q : 0 < 2 / INR d) by (apply Rmult_lt_0_compat; [lra|now apply Rinv_0_lt_compat]).
  pose proof (sqrt_lt_R0 _ Q). replace (2 * INR d) with (4 * / (2 / INR d)) by (field; lra).
  rewrite sqrt_mult_alt by lra. replace 4 with (2 * 2) by ring. rewrite sqrt_square, sqrt_inv by lra. field. lra.
Qed.

End Witnesses.
