(* G6: one layer of attention is blind to pairing. Without positions it sees the multiset of the tokens only, so it cannot tell
   which value belongs to which input; with positions and one head four prompts defeat it. *)
From ICL Require Export OneLayer Network.
Require Import List FunctionalExtensionality Permutation.
Import ListNotations.

(* ------------------------------------------------------------------ sums over a multiset *)
Definition tokens (z : nat -> R) T := map z (seq 0 T).
Lemma sum_tokens F z T : sum T (fun j => F (z j)) = fold_right Rplus 0 (map F (tokens z T)).
Proof.
  unfold tokens. induction T; [reflexivity|]. rewrite seq_S, !map_app, fold_right_app. simpl. rewrite IHT, Rplus_0_r.
  clear IHT. generalize (F (z T)). intros r. induction (map F (map z (seq 0 T))); simpl; [ring|]. rewrite <- IHl. ring.
Qed.
Lemma sum_multiset F z z' T : Permutation (tokens z T) (tokens z' T) -> sum T (fun j => F (z j)) = sum T (fun j => F (z' j)).
Proof.
  intros H. rewrite !sum_tokens. apply (Permutation_map F) in H. induction H; simpl; [auto|now rewrite IHPermutation|ring|congruence].
Qed.

(* any layer whose answer is a function of the query and of sums of features of the tokens: every score function, normalised or
   not (numerator and denominator are two features), any number of heads, any maps of single tokens before and after *)
Theorem any_layer_blind (feature : nat -> R -> R -> R) (out : R -> (nat -> R) -> R) z z' T x :
  Permutation (tokens z T) (tokens z' T) ->
  out x (fun k => sum T (fun j => feature k x (z j))) = out x (fun k => sum T (fun j => feature k x (z' j))).
Proof. intros H. f_equal. apply functional_extensionality. intros k. now apply sum_multiset. Qed.

(* ------------------------------------------------------------------ the pre-LN transformer with one attention block and no positions *)
Section OneBlock.
Variables (d : nat) (eps : R) (w_in b_in : vec) (g b : vec) (H : nat) (score : nat -> vec -> vec -> R) (OV : nat -> mat) (bV : nat -> vec).
Variables (after : list block) (w gf bf : vec) (b0 : R).
Definition tokenwise B := match B with Attn _ _ _ _ => False | Mlp _ _ _ _ _ _ _ _ => True end.
Hypothesis mlps : Forall tokenwise after.
Let hd k := softmax_head (fun z t j => score k (z t) (z j)) (OV k) (bV k).
Definition one_block x c := transformer d eps w_in b_in (fun _ _ => 0) (Attn g b H hd :: after) w gf bf b0 x c.

Lemma tokenwise_run net h h' t : Forall tokenwise net -> h t = h' t -> run d eps net h t = run d eps net h' t.
Proof.
  intros HF. revert h h'. induction HF as [|B net HB HF IH]; intros h h' E; simpl; auto.
  apply IH. destruct B as [|g1 b1 m W1 c1 act W2 c2]; [destruct HB|]. simpl. now rewrite E.
Qed.
Theorem pairing_blind z z' T x : Permutation (tokens z T) (tokens z' T) -> one_block x (T, z) = one_block x (T, z').
Proof.
  intros HP. unfold one_block, transformer. simpl fst. f_equal. simpl run. apply tokenwise_run; auto.
  set (vector := fun u : R => add (scal u w_in) (add b_in (fun _ => 0))). set (seen := fun u => LNa d eps g b (vector u)).
  assert (Hz : forall y : nat -> R, embed w_in b_in (fun _ _ => 0) (token x (T, y)) = fun t => vector (token x (T, y) t)) by reflexivity.
  assert (Ht : forall y : nat -> R, token x (T, y) T = x) by (intros; unfold token; simpl; destruct (Nat.eq_dec T T); [auto|lia]).
  assert (Sum : forall (F : R -> R) (y : nat -> R), sum (S T) (fun j => F (token x (T, y) j)) = sum T (fun j => F (y j)) + F x).
  { intros F y. simpl. rewrite Ht. f_equal. apply sum_ext. intros j Hj. unfold token. simpl. destruct (Nat.eq_dec j T); [lia|auto]. }
  assert (Same : forall F : R -> R, sum (S T) (fun j => F (token x (T, z) j)) = sum (S T) (fun j => F (token x (T, z') j))).
  { intros F. rewrite !Sum. f_equal. now apply sum_multiset. }
  rewrite !Hz, !Ht. f_equal. apply functional_extensionality. intros i. unfold att. apply sum_ext. intros k _.
  unfold hd. cbn [weights VO vb softmax_head]. unfold softmax. rewrite !Ht. fold (seen x).
  set (Z := sum (S T) (fun j => exp (score k (seen x) (seen (token x (T, z') j))))).
  assert (EZ : sum (S T) (fun j => exp (score k (seen x) (seen (token x (T, z) j)))) = Z) by apply (Same (fun u => exp (score k (seen x) (seen u)))).
  set (G := fun u => exp (score k (seen x) (seen u)) / Z * (mv d (OV k) (seen u) i + bV k i)).
  transitivity (sum (S T) (fun j => G (token x (T, z) j))); [unfold G; now rewrite <- EZ|]. rewrite (Same G). reflexivity.
Qed.

(* inputs balanced about 0: the prompts of a x and -a x hold the same tokens, so one of the two lines is missed entirely *)
Lemma line_tokens n x xq a : Permutation (tokens (line_prompt n x xq a) (2 * n)) (tokens x n ++ map (Rmult a) (tokens x n)).
Proof.
  assert (E : tokens (line_prompt n x xq a) (2 * n) = tokens (fun t => if Nat.even t then x (Nat.div2 t) else a * x (Nat.div2 t)) (2 * n)).
  { apply map_ext_in. intros t Ht. apply in_seq in Ht. unfold line_prompt. destruct (Nat.eq_dec t (2 * n)); [lia|auto]. }
  rewrite E. clear E. set (f := fun t => if Nat.even t then x (Nat.div2 t) else a * x (Nat.div2 t)).
  assert (F0 : forall k, f (2 * k)%nat = x k) by (intros; unfold f; now rewrite Nat.even_mul, Nat.div2_double).
  assert (F1 : forall k, f (S (2 * k)) = a * x k).
  { intros. unfold f. rewrite Nat.even_succ, <- Nat.negb_even, Nat.even_mul, Nat.div2_succ_double. reflexivity. }
  assert (Last : forall (h : nat -> R) k, tokens h (S k) = tokens h k ++ [h k]) by (intros; unfold tokens; now rewrite seq_S, map_app).
  induction n as [|k IH]; [constructor|]. replace (2 * S k)%nat with (S (S (2 * k))) by lia.
  rewrite !Last, F0, F1, map_app, <- !app_assoc. simpl map at 2. etransitivity; [apply Permutation_app_tail, IH|].
  rewrite <- app_assoc. apply Permutation_app_head, Permutation_sym, (Permutation_middle (map (Rmult a) (tokens x k)) [a * x k] (x k)).
Qed.
Theorem pairing_lost n x xq a : Permutation (tokens x n) (map Ropp (tokens x n)) ->
  let y a := one_block xq (2 * n, line_prompt n x xq a)%nat in
  y a = y (- a) /\ Rabs (a * xq) <= Rmax (Rabs (y a - a * xq)) (Rabs (y (- a) - - a * xq)).
Proof.
  intros HP y. assert (E : y a = y (- a)).
  { unfold y. apply pairing_blind. rewrite !line_tokens. apply Permutation_app_head.
    replace (map (Rmult (- a)) (tokens x n)) with (map (Rmult a) (map Ropp (tokens x n))).
    - now apply Permutation_map.
    - rewrite map_map. apply map_ext. intros. ring. }
  split; auto. rewrite <- E. pose proof (Rmax_l (Rabs (y a - a * xq)) (Rabs (y a - - a * xq))).
  pose proof (Rmax_r (Rabs (y a - a * xq)) (Rabs (y a - - a * xq))).
  pose proof (Rabs_triang (- (y a - a * xq)) (y a - - a * xq)) as T. rewrite Rabs_Ropp in T.
  replace (- (y a - a * xq) + (y a - - a * xq)) with (2 * (a * xq)) in T by ring. rewrite Rabs_mult, (Rabs_right 2) in T by lra. lra.
Qed.
End OneBlock.

(* ------------------------------------------------------------------ positions, one head, linear readout *)
(* y D is a sum of one-token terms, as is D > 0; so the four prompts +-(1, -1), +-(A, -A) are not all answered within A |x_q| *)
Section FourPrompts.
Variables (weight value : nat -> R -> R) (c : R).        (* of the token at a position, for one query *)
Hypothesis positive : forall j u, 0 < weight j u.
Definition four (x y : R) : nat -> R := fun j => match j with 0 => x | 1 => y | 2 => - x | _ => - y end%nat.
Variable own : R.                                          (* the query's own token, at position 4 *)
Definition total (f : nat -> R -> R) x y := f 0%nat x + f 1%nat y + f 2%nat (- x) + f 3%nat (- y) + f 4%nat own.
Definition answer x y := c + total (fun j u => weight j u * value j u) x y / total weight x y.
Theorem one_head_misses A xq : 
  A * Rabs xq <= Rmax (Rmax (Rabs (answer 1 A - A * xq)) (Rabs (answer (-1) (- A) - A * xq)))
                      (Rmax (Rabs (answer 1 (- A) - - A * xq)) (Rabs (answer (-1) A - - A * xq))).
Proof.
  set (m := Rmax _ _). destruct (Rle_lt_dec (A * Rabs xq) m) as [|L]; auto. exfalso.
  assert (Dp : forall x y, 0 < total weight x y).
  { intros. unfold total. pose proof (positive 0 x). pose proof (positive 1 y). pose proof (positive 2 (- x)).
    pose proof (positive 3 (- y)). pose proof (positive 4 own). lra. }
  pose proof (Rmax_l (Rmax (Rabs (answer 1 A - A * xq)) (Rabs (answer (-1) (- A) - A * xq)))
    (Rmax (Rabs (answer 1 (- A) - - A * xq)) (Rabs (answer (-1) A - - A * xq)))) as M1. fold m in M1.
  pose proof (Rmax_r (Rmax (Rabs (answer 1 A - A * xq)) (Rabs (answer (-1) (- A) - A * xq)))
    (Rmax (Rabs (answer 1 (- A) - - A * xq)) (Rabs (answer (-1) A - - A * xq)))) as M2. fold m in M2.
  pose proof (Rmax_l (Rabs (answer 1 A - A * xq)) (Rabs (answer (-1) (- A) - A * xq))) as E1.
  pose proof (Rmax_r (Rabs (answer 1 A - A * xq)) (Rabs (answer (-1) (- A) - A * xq))) as E2.
  pose proof (Rmax_l (Rabs (answer 1 (- A) - - A * xq)) (Rabs (answer (-1) A - - A * xq))) as E3.
  pose proof (Rmax_r (Rabs (answer 1 (- A) - - A * xq)) (Rabs (answer (-1) A - - A * xq))) as E4.
  set (N := fun x y => answer x y * total weight x y).
  assert (EN : N 1 A + N (-1) (- A) = N 1 (- A) + N (-1) A).
  { unfold N, answer. rewrite !Rmult_plus_distr_r. unfold Rdiv. rewrite !Rmult_assoc, !Rinv_l by (apply Rgt_not_eq, Dp).
    unfold total. rewrite !Ropp_involutive. ring. }
  assert (Q : Rabs xq = xq \/ Rabs xq = - xq) by (unfold Rabs; destruct (Rcase_abs xq); auto).
  assert (S1 : forall x y t, Rabs (answer x y - t) <= m -> m < t -> 0 < N x y).
  { intros x y t H Ht. apply abs_inv in H. unfold N. specialize (Dp x y). nra. }
  assert (S2 : forall x y t, Rabs (answer x y - t) <= m -> m < - t -> N x y < 0).
  { intros x y t H Ht. apply abs_inv in H. unfold N. specialize (Dp x y). nra. }
  destruct Q as [Q|Q]; rewrite Q in L.
  - pose proof (S1 1 A (A * xq) ltac:(lra) ltac:(lra)). pose proof (S1 (-1) (- A) (A * xq) ltac:(lra) ltac:(lra)).
    pose proof (S2 1 (- A) (- A * xq) ltac:(lra) ltac:(lra)). pose proof (S2 (-1) A (- A * xq) ltac:(lra) ltac:(lra)). lra.
  - pose proof (S2 1 A (A * xq) ltac:(lra) ltac:(lra)). pose proof (S2 (-1) (- A) (A * xq) ltac:(lra) ltac:(lra)).
    pose proof (S1 1 (- A) (- A * xq) ltac:(lra) ltac:(lra)). pose proof (S1 (-1) A (- A * xq) ltac:(lra) ltac:(lra)). lra.
Qed.
End FourPrompts.
(* a layer of OneLayer.v with one head is of that form *)
Section OneHead.
Variables (d dh : nat) (WQ WK OV : nat -> mat) (bQ bK bV : nat -> vec) (w_in b_in w : vec) (pos : nat -> vec) (b0 xq : R).
Definition one_head s t := one_layer d dh 1 WQ WK OV bQ bK bV w_in b_in w pos b0 (fun j => if Nat.eq_dec j 4 then xq else four s t j) 4.
Lemma one_head_form : exists weight value c, (forall j u, 0 < weight j u) /\ forall s t, one_head s t = answer weight value c xq s t.
Proof.
  set (V := fun j (u : R) => add (scal u w_in) (add b_in (pos j))).
  set (sc := fun j u => dot dh (add (mv d (WQ O) (V 4%nat xq)) (bQ O)) (add (mv d (WK O) (V j u)) (bK O)) / sqrt (INR dh)).
  exists (fun j u => exp (sc j u)), (fun j u => dot d w (fun i => mv d (OV O) (V j u) i + bV O i)), (dot d w (V 4%nat xq) + b0).
  split; [intros; apply exp_pos|]. intros s t. unfold one_head. set (z := fun j => if Nat.eq_dec j 4 then xq else four s t j).
  set (h := embed w_in b_in pos z). set (p := softmax 5 (qk_score d dh (WQ O) (bQ O) (WK O) (bK O) h 4%nat)).
  set (val := fun j i => mv d (OV O) (h j) i + bV O i).
  assert (E : one_layer d dh 1 WQ WK OV bQ bK bV w_in b_in w pos b0 z 4 = dot d w (h 4%nat) + sum 5 (fun j => p j * dot d w (val j)) + b0).
  { unfold one_layer. simpl grun. fold h. rewrite (dot_sym d w), dot_add, !(dot_sym d _ w). do 2 f_equal.
    unfold dot at 1. rewrite (sum_ext d _ (fun i => sum 5 (fun j => p j * (w i * val j i)))).
    - rewrite sum_swap. apply sum_ext. intros j _. now rewrite sum_scal.
    - intros i _. unfold att. change (sum 1 ?f) with (0 + f O). cbn [weights VO vb softmax_head]. fold p.
      rewrite Rplus_0_l, <- sum_scal. apply sum_ext. intros j _. unfold val. ring. }
  assert (H0 : h 0%nat = V 0%nat s) by reflexivity. assert (H1 : h 1%nat = V 1%nat t) by reflexivity.
  assert (H2 : h 2%nat = V 2%nat (- s)) by reflexivity. assert (H3 : h 3%nat = V 3%nat (- t)) by reflexivity.
  assert (H4 : h 4%nat = V 4%nat xq) by reflexivity.
  assert (Z : sum 5 (fun j => exp (qk_score d dh (WQ O) (bQ O) (WK O) (bK O) h 4%nat j)) = total xq (fun j u => exp (sc j u)) s t).
  { unfold total, sc, qk_score. cbn [sum]. rewrite H0, H1, H2, H3, H4. ring. }
  rewrite E. unfold answer, p, softmax. rewrite Z. set (D := total xq (fun j u => exp (sc j u)) s t). unfold total. cbn [sum].
  unfold val, qk_score. rewrite H0, H1, H2, H3, H4. fold (sc 0%nat s) (sc 1%nat t) (sc 2%nat (- s)) (sc 3%nat (- t)) (sc 4%nat xq).
  unfold Rdiv. ring.
Qed.
Theorem one_head_lost A :
  A * Rabs xq <= Rmax (Rmax (Rabs (one_head 1 A - A * xq)) (Rabs (one_head (-1) (- A) - A * xq)))
                      (Rmax (Rabs (one_head 1 (- A) - - A * xq)) (Rabs (one_head (-1) A - - A * xq))).
Proof. destruct one_head_form as [weight [value [c [Hp E]]]]. rewrite !E. now apply one_head_misses. Qed.
End OneHead.
