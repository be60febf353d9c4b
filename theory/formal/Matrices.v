(* Certified matrices: integer rows at scale 2^-k, their spectral norm, and what rounding the true entries costs. *)
From ICL Require Export Rounding.
Require Import ZArith List.
Import ListNotations.

Definition ml k (rows : list (list Z)) : mat := fun i => vl k (nth i rows []).
Definition widths n (rows : list (list Z)) := forallb (fun r => (length r =? n)%nat) rows.
Lemma widths_ok n rows i : widths n rows = true -> (i < length rows)%nat -> length (nth i rows []) = n.
Proof. intros H Hi. unfold widths in H. rewrite forallb_forall in H. apply Nat.eqb_eq, H. now apply nth_In. Qed.
Lemma widths_in n rows r : widths n rows = true -> In r rows -> length r = n.
Proof. intros H Hr. unfold widths in H. rewrite forallb_forall in H. apply Nat.eqb_eq. now apply H. Qed.

(* ------------------------------------------------------------------ spectral norm by completion *)
Fixpoint beside (rows extra : list (list Z)) : list (list Z) := match rows, extra with r :: rs, e :: es => (r ++ e) :: beside rs es | _, _ => [] end.
Lemma length_beside rows extra : length rows = length extra -> length (beside rows extra) = length rows.
Proof. revert extra. induction rows; destruct extra; intros H; try discriminate; simpl; auto. Qed.
Lemma nth_beside rows extra j : length rows = length extra -> nth j (beside rows extra) [] = nth j rows [] ++ nth j extra [].
Proof.
  revert extra j. induction rows; destruct extra; intros j H; try discriminate; destruct j; simpl; auto.
Qed.
Definition spectral rows extra := Z.sqrt_up (fold_right Z.max 0%Z (gram (beside rows extra))).
Lemma max_ge l i : (at_ l i <= fold_right Z.max 0 l)%Z.
Proof. unfold at_. revert i. induction l; intros i; simpl; destruct i; try lia. specialize (IHl i). lia. Qed.
Lemma max_pos l : (0 <= fold_right Z.max 0 l)%Z.
Proof. induction l; simpl; lia. Qed.
Theorem spectral_dual k m n rows extra u : (0 <= k)%Z -> length rows = length extra -> widths m rows = true -> widths n extra = true ->
  norm m (mix k rows u) <= dy k (spectral rows extra) * norm (length rows) u.
Proof.
  intros Hk He Hm Hn. set (d := length rows). set (K := dy k (spectral rows extra)).
  set (cs := beside rows extra). set (G := fold_right Z.max 0%Z (gram cs)). pose proof (two_pos k Hk) as P2.
  assert (Lc : length cs = d) by now apply length_beside.
  assert (K0 : 0 <= K). { unfold K, spectral. rewrite <- (dy_0 k). apply dy_le; auto. apply Z.sqrt_up_nonneg. }
  assert (KK : dy (k + k) G <= K * K).
  { pose proof (sqrt_up_ok k G Hk (max_pos _)) as Q. apply Rle_trans with (sqrt (IZR G / (IZR (2 ^ k) * IZR (2 ^ k))) * sqrt (IZR G / (IZR (2 ^ k) * IZR (2 ^ k)))).
    - rewrite sqrt_sqrt; [right; unfold dy; rewrite Z.pow_add_r, mult_IZR by auto; reflexivity|].
      apply Rmult_le_pos; [apply (IZR_le 0), max_pos|left; apply Rinv_0_lt_compat; now apply Rmult_lt_0_compat].
    - apply Rmult_le_compat; auto; apply sqrt_pos. }
  apply sq_le; [apply Rmult_le_pos; [auto|apply norm_pos]|]. rewrite norm_sq.
  replace (K * norm d u * (K * norm d u)) with (K * K * (norm d u * norm d u)) by ring. rewrite norm_sq.
  apply Rle_trans with (dot (m + n) (mix k cs u) (mix k cs u)).
  - assert (E : forall i, (i < m)%nat -> mix k rows u i = mix k cs u i).
    { intros i Hi. unfold mix. rewrite Lc. fold d. apply sum_ext. intros j Hj. f_equal. unfold vl, at_, cs. rewrite nth_beside, app_nth1; auto.
      rewrite (widths_ok m rows j); auto. }
    rewrite (dot_ext m _ _ (mix k cs u) (mix k cs u)) by auto. unfold dot. clear. induction n; [rewrite Nat.add_0_r; lra|].
    rewrite Nat.add_succ_r. simpl. nra.
  - eapply Rle_trans; [apply (gram_ok k (m + n) cs u Hk)|].
    + intros c Hc. apply (In_nth _ _ []) in Hc. destruct Hc as [j [Hj <-]]. rewrite Lc in Hj. unfold cs. rewrite nth_beside, app_length by auto.
      rewrite (widths_ok m rows j), (widths_ok n extra j); auto. rewrite <- He. auto.
    + rewrite Lc. unfold dot. rewrite <- sum_scal. apply sum_le. intros j _. pose proof (Rle_0_sqr (u j)) as Q. unfold Rsqr in Q.
      apply Rmult_le_compat_r; auto. eapply Rle_trans; [|exact KK]. unfold vl. apply dy_le; [lia|apply max_ge].
Qed.
Theorem spectral_ok k m n rows extra v : (0 <= k)%Z -> length rows = length extra -> widths m rows = true -> widths n extra = true ->
  norm (length rows) (mv m (ml k rows) v) <= dy k (spectral rows extra) * norm m v.
Proof.
  intros Hk He Hm Hn. set (d := length rows). set (u := mv m (ml k rows) v). set (K := dy k (spectral rows extra)).
  assert (K0 : 0 <= K). { unfold K, spectral. rewrite <- (dy_0 k). apply dy_le; auto. apply Z.sqrt_up_nonneg. }
  pose proof (spectral_dual k m n rows extra u Hk He Hm Hn) as B. fold d K in B.
  assert (E : dot d u u = dot m (mix k rows u) v).
  { unfold dot at 1. unfold u at 2, mv, dot at 1, mix. fold d. rewrite (sum_ext d _ (fun i => sum m (fun j => u i * ml k rows i j * v j))).
    - rewrite sum_swap. unfold dot. apply sum_ext. intros j _. rewrite Rmult_comm, <- sum_scal. apply sum_ext. intros i _. unfold ml. ring.
    - intros i _. rewrite <- sum_scal. apply sum_ext. intros. ring. }
  pose proof (cauchy_norm m (mix k rows u) v) as C. rewrite <- E in C. pose proof (Rle_abs (dot d u u)) as A. rewrite <- norm_sq in *.
  pose proof (norm_pos d u) as N0. pose proof (norm_pos m v).
  destruct (Req_dec (norm d u) 0) as [Z|Z]; [rewrite Z; apply Rmult_le_pos; auto|].
  apply Rmult_le_reg_l with (norm d u); [lra|]. apply Rle_trans with (norm m (mix k rows u) * norm m v); [lra|].
  replace (norm d u * (K * norm m v)) with (K * norm d u * norm m v) by ring. now apply Rmult_le_compat_r.
Qed.


(* rows to columns *)
Fixpoint cons_each (r : list Z) (cols : list (list Z)) := match r, cols with x :: r', c :: cs => (x :: c) :: cons_each r' cs | _, _ => [] end.
Fixpoint transpose n (rows : list (list Z)) : list (list Z) := match rows with [] => repeat [] n | r :: rs => cons_each r (transpose n rs) end.
Lemma length_cons_each r cols : length r = length cols -> length (cons_each r cols) = length r.
Proof. revert cols. induction r; destruct cols; intros H; try discriminate; simpl; auto. Qed.
Lemma nth_cons_each r cols j : length r = length cols -> (j < length r)%nat -> nth j (cons_each r cols) [] = at_ r j :: nth j cols [].
Proof.
  revert cols j. induction r; destruct cols; intros j H Hj; try discriminate; simpl in *; [lia|]. destruct j; [reflexivity|]. apply IHr; lia.
Qed.
Lemma length_transpose n rows : widths n rows = true -> length (transpose n rows) = n.
Proof.
  induction rows as [|r rs IH]; intros H; simpl; [apply repeat_length|]. simpl in H. apply andb_prop in H. destruct H as [Hr Hs].
  apply Nat.eqb_eq in Hr. rewrite length_cons_each; auto. now rewrite IH.
Qed.
Lemma nth_transpose n rows j : widths n rows = true -> (j < n)%nat ->
  length (nth j (transpose n rows) []) = length rows /\ forall i, at_ (nth j (transpose n rows) []) i = at_ (nth i rows []) j.
Proof.
  induction rows as [|r rs IH]; intros H Hj; simpl.
  - rewrite nth_repeat. split; auto. intros i. unfold at_. destruct i; destruct j; reflexivity.
  - simpl in H. apply andb_prop in H. destruct H as [Hr Hs]. apply Nat.eqb_eq in Hr. destruct (IH Hs Hj) as [L E].
    rewrite nth_cons_each by (try lia; rewrite length_transpose; auto). split; [simpl; auto|]. intros i. destruct i; [reflexivity|]. apply E.
Qed.
Lemma transpose_widths n rows : widths n rows = true -> widths (length rows) (transpose n rows) = true.
Proof.
  intros H. unfold widths. rewrite forallb_forall. intros c Hc. apply (In_nth _ _ []) in Hc. destruct Hc as [j [Hj <-]].
  rewrite length_transpose in Hj by auto. apply Nat.eqb_eq. now apply nth_transpose.
Qed.

(* ------------------------------------------------------------------ entries known within e *)
Definition side n m := Z.sqrt_up (Z.of_nat (n * m)).
Lemma frob_entries n m (A : mat) e : 0 <= e -> (forall i j, (i < n)%nat -> (j < m)%nat -> Rabs (A i j) <= e) -> frob n m A <= IZR (side n m) * e.
Proof.
  intros He HA. unfold frob. apply sq_le; [apply Rmult_le_pos; [apply (IZR_le 0), Z.sqrt_up_nonneg|auto]|].
  rewrite sqrt_sqrt by (apply sum_nonneg; intros; apply dot_pos).
  apply Rle_trans with (INR n * (INR m * (e * e))).
  - rewrite <- sum_const. apply sum_le. intros i Hi. unfold dot. rewrite <- sum_const. apply sum_le. intros j Hj. specialize (HA i j Hi Hj).
    apply abs_inv in HA. nra.
  - replace (IZR (side n m) * e * (IZR (side n m) * e)) with (IZR (side n m) * IZR (side n m) * (e * e)) by ring. rewrite <- Rmult_assoc.
    apply Rmult_le_compat_r; [nra|]. rewrite <- mult_INR, INR_IZR_INZ, <- mult_IZR. apply IZR_le. unfold side.
    destruct (Nat.eq_dec (n * m) 0) as [E|E]; [rewrite E; reflexivity|]. apply Z.sqrt_up_spec. lia.
Qed.
(* |A v| when A is near B *)
Lemma near_matrix n m (A B : mat) e v : 0 <= e -> (forall i j, (i < n)%nat -> (j < m)%nat -> Rabs (A i j - B i j) <= e) ->
  norm n (add (mv m A v) (scal (-1) (mv m B v))) <= IZR (side n m) * e * norm m v.
Proof.
  intros He H. rewrite (norm_ext n _ (mv m (fun i j => A i j - B i j) v)).
  - eapply Rle_trans; [apply mv_bound|]. apply Rmult_le_compat_r; [apply norm_pos|]. apply (frob_entries n m (fun i j => A i j - B i j)); auto.
  - intros i _. unfold add, scal, mv, dot. rewrite <- sum_scal, <- sum_add. apply sum_ext. intros. ring.
Qed.
Lemma norm_near n u v : norm n u <= norm n v + norm n (add u (scal (-1) v)).
Proof.
  rewrite (norm_ext n u (add v (add u (scal (-1) v)))) by (intros; unfold add, scal; ring). apply norm_add.
Qed.
Lemma near_mul x x' y y' e : Rabs (x - x') <= e -> Rabs (y - y') <= e -> Rabs (x * y - x' * y') <= e * (Rabs x' + Rabs y' + e).
Proof.
  intros Hx Hy. replace (x * y - x' * y') with ((x - x') * (y - y') + (x' * (y - y') + (x - x') * y')) by ring.
  pose proof (Rabs_pos (x - x')). pose proof (Rabs_pos (y - y')). pose proof (Rabs_pos x'). pose proof (Rabs_pos y').
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult.
  eapply Rle_trans; [apply Rplus_le_compat_l, Rabs_triang|]. rewrite !Rabs_mult.
  assert (Rabs (x - x') * Rabs (y - y') <= e * e) by (apply Rmult_le_compat; lra). nra.
Qed.
(* a vector whose entries are within e: its norm moves by at most d e *)
Lemma norm_entries n u e : 0 <= e -> (forall i, (i < n)%nat -> Rabs (u i) <= e) -> norm n u <= INR n * e.
Proof.
  intros He H. apply sq_le; [apply Rmult_le_pos; [apply pos_INR|auto]|]. rewrite norm_sq. unfold dot.
  apply Rle_trans with (INR n * (e * e)).
  - rewrite <- sum_const. apply sum_le. intros i Hi. specialize (H i Hi). apply abs_inv in H. nra.
  - replace (INR n * e * (INR n * e)) with (INR n * INR n * (e * e)) by ring. apply Rmult_le_compat_r; [nra|].
    destruct n; [simpl; lra|]. rewrite S_INR. pose proof (pos_INR n). nra.
Qed.
